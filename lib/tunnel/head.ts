// What OPEN and HEAD carry. Both come from a peer, so their shape is checked before anybody sees them.
import type { Framing } from "../http1/head.ts";
import { TunnelCode, TunnelError } from "./errors.ts";

/** Header names and values in turn, as in node's rawHeaders: repeats and order survive. */
export type RawHeaders = readonly string[];

/** A request for the cluster's API server, with the person it is made for. */
export interface RequestHead {
  readonly method: string;
  /** Byte for byte what the client wrote after the cluster's name, with the query: begins with "/". */
  readonly path: string;
  /** Without any identity, which the agent adds, and without what frames the body, which `body` says. */
  readonly headers: RawHeaders;
  /** Whether DATA follow, and how many bytes; the agent holds the DATA against it. */
  readonly body: Framing;
  /** As the cluster sees it: `drover:user:<name>`. */
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Reads a REPLICAS payload: names, one of them at least. Throws a Protocol TunnelError for anything else. */
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
  /** 101 means: from here on raw bytes both ways. Never another 1xx; at most 999, because servers do send what HTTP does not have. */
  readonly status: number;
  readonly headers: RawHeaders;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// A value may hold what HTTP allows in one: no control characters, above all no CR, LF or NUL.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** A body is framed by `body`; a second opinion about where it ends is how requests are smuggled. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;
const REPLICA = /^[A-Za-z0-9._-]{1,63}$/;
const PATH = /^\/[\x21-\xff]*$/;

/** Reads an OPEN payload. Throws a Protocol TunnelError for anything else than a RequestHead. */
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

/** Reads a HEAD payload. Throws a Protocol TunnelError for anything else than a ResponseHead. */
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
