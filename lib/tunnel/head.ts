// The payloads of OPEN, HEAD and REPLICAS. They come from a peer, so their shape is checked before use.
import type { Framing } from "../http1/head.ts";
import { TunnelCode, TunnelError } from "./errors.ts";

/** Header names and values alternating, as in node's rawHeaders: repeated headers and their order are preserved. */
export type RawHeaders = readonly string[];

/** A request for the cluster's API server, and the user on whose behalf it is made. */
export interface RequestHead {
  readonly method: string;
  /** The path after the cluster's name, with the query, byte for byte as the client sent it; begins with "/". */
  readonly path: string;
  /** Without identity headers, which the agent adds, and without Content-Length and Transfer-Encoding, which `body` replaces. */
  readonly headers: RawHeaders;
  /** Whether DATA follows, and how many bytes; the agent checks the DATA against it. */
  readonly body: Framing;
  /** The user name in the cluster: `drover:user:<name>`. */
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Parses a REPLICAS payload: at least one name. Throws a Protocol TunnelError for anything else. */
export function parseReplicas(payload: Buffer): readonly string[] {
  let names: unknown;
  try {
    names = JSON.parse(payload.toString("utf8"));
  } catch {
    throw malformed("REPLICAS", "JSON");
  }
  if (!isStrings(names) || names.length === 0 || !names.every((name) => REPLICA.test(name))) throw malformed("REPLICAS", "names");
  return names;
}

export interface ResponseHead {
  /** 200 to 999, because servers send statuses that HTTP does not define; or 101: raw bytes follow in both directions. */
  readonly status: number;
  readonly headers: RawHeaders;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// What HTTP allows in a header value: no control characters, in particular no CR, LF or NUL.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Refused, because `body` alone says where the body ends: two contradicting statements allow request smuggling. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;
const REPLICA = /^[A-Za-z0-9._-]{1,63}$/;
const PATH = /^\/[\x21-\xff]*$/;

/** Parses an OPEN payload. Throws a Protocol TunnelError for anything but a RequestHead. */
export function parseRequestHead(payload: Buffer): RequestHead {
  const head = parseObject(payload, "OPEN");
  const { method, path, body, user, uid, groups, extra } = head;
  if (typeof method !== "string" || !NAME.test(method)) throw malformed("OPEN", "method");
  if (typeof path !== "string" || !PATH.test(path)) throw malformed("OPEN", "path");
  if (!isFraming(body)) throw malformed("OPEN", "body");
  if (typeof user !== "string") throw malformed("OPEN", "user");
  if (typeof uid !== "string") throw malformed("OPEN", "uid");
  if (!isStrings(groups)) throw malformed("OPEN", "groups");
  if (!isExtra(extra)) throw malformed("OPEN", "extra");
  const headers = parseHeaders(head.headers, "OPEN");
  for (let i = 0; i < headers.length; i += 2) if (FRAMING.test(headers[i] ?? "")) throw malformed("OPEN", "headers");
  return { method, path, headers, body, user, uid, groups, extra };
}

/** Parses a HEAD payload. Throws a Protocol TunnelError for anything but a ResponseHead. */
export function parseResponseHead(payload: Buffer): ResponseHead {
  const head = parseObject(payload, "HEAD");
  const { status } = head;
  if (typeof status !== "number" || !Number.isInteger(status) || status > 999 || (status < 200 && status !== 101))
    throw malformed("HEAD", "status");
  return { status, headers: parseHeaders(head.headers, "HEAD") };
}

function parseObject(payload: Buffer, frame: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    throw malformed(frame, "JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(frame, "JSON");
  return value as Record<string, unknown>;
}

function parseHeaders(headers: unknown, frame: string): RawHeaders {
  if (!isStrings(headers) || headers.length % 2 !== 0) throw malformed(frame, "headers");
  for (let i = 0; i < headers.length; i += 2) {
    if (!NAME.test(headers[i] ?? "") || !VALUE.test(headers[i + 1] ?? "")) throw malformed(frame, "headers");
  }
  return headers;
}

const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

const isFraming = (value: unknown): value is Framing =>
  value === "none" || value === "chunked" || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0);

const isExtra = (value: unknown): value is Record<string, string[]> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isStrings);

const malformed = (frame: string, what: string) => new TunnelError(TunnelCode.Protocol, `${frame} with a malformed ${what}`);
