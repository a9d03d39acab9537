// The token of a user: `drv_` and 43 characters of base64url, which are 32 random bytes. The hub keeps only its SHA-256.
import { createHash } from "node:crypto";

/** A fixed prefix, so that secret scanners recognise a token that leaked. */
export const TOKEN_PREFIX = "drv_";
export const TOKEN_BYTES = 32;

const FORM = /^drv_[A-Za-z0-9_-]{43}$/;

/** The whole text must be a token: nothing before, nothing after. */
export const isToken = (text: string): boolean => FORM.test(text);

/** `random`: TOKEN_BYTES bytes from a cryptographic source. */
export const formatToken = (random: Uint8Array): string => TOKEN_PREFIX + Buffer.from(random).toString("base64url");

/** 64 hex characters: SHA-256 of the whole token text. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex");

/** The name of the Token object of a hash. */
export const tokenObjectName = (hash: string): string => `t-${hash.slice(0, 32)}`;
