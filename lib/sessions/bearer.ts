// The token that a request carries, read in the same way by auth and the proxy. Pure.
import { timingSafeEqual } from "node:crypto";
import type { Token } from "../../crds/v1alpha1/token.ts";
import { isToken, tokenHash, tokenObjectName } from "../identity/token.ts";

export type Bearer =
  | {
      readonly is: "token";
      /** SHA-256, 64 hex characters. */
      readonly hash: string;
      /** The name of the Token object, if there is one. */
      readonly name: string;
    }
  | { readonly is: "none"; readonly reason: "NoToken" | "SeveralTokens" | "MalformedToken" };

/** `authorization`: every such header of the request. The scheme may be in any case (RFC 9110, 11.1); the token must have exactly Drover's form. */
export function bearerOf(authorization: readonly string[]): Bearer {
  const [header] = authorization;
  if (header === undefined) return { is: "none", reason: "NoToken" };
  if (authorization.length > 1) return { is: "none", reason: "SeveralTokens" };
  const sent = /^Bearer ([^ ]+)$/i.exec(header)?.[1];
  if (sent === undefined || !isToken(sent)) return { is: "none", reason: "MalformedToken" };
  const hash = tokenHash(sent);
  return { is: "token", hash, name: tokenObjectName(hash) };
}

/** The name of the object holds only half of the hash. This compares all of it. */
export function isTokenOf(token: Token, hash: string): boolean {
  const { hash: stored } = token.spec;
  return stored.length === hash.length && timingSafeEqual(Buffer.from(stored), Buffer.from(hash));
}

/** Every value of the header `authorization`. `raw`: names and values in turn; node keeps only the first where there are several. */
export function authorizationsIn(raw: readonly string[]): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) if (raw[i]?.toLowerCase() === "authorization") values.push(raw[i + 1] ?? "");
  return values;
}
