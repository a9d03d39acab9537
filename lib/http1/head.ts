// Builds the head of an HTTP/1.1 request. Only this file writes the headers that frame the body, and always explicitly: what the head
// declares is what is sent, whatever the method. Pure.

/** How a request body is framed: no body, chunked, or its length in bytes (0: a Content-Length of 0). */
export type Framing = "none" | "chunked" | number;

export interface OutgoingRequest {
  readonly method: string;
  /** The request target, from "/" on. */
  readonly path: string;
  /** Names and values alternating. RESERVED_HEADERS are refused, not removed. */
  readonly headers: readonly string[];
  readonly body: Framing;
  /** The protocol to upgrade to; such a request has no body, and a separate connection. */
  readonly upgrade?: string | undefined;
}

/** Headers that describe one connection, or where the body ends (RFC 9112): only this file writes them. */
export const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** For these methods node would send a chunked body when there is no Content-Length. */
const EXPECT_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;

/** All headers, names and values alternating. Throws a TypeError for what cannot be written as one unambiguous request. */
export function headerLines({ method, path, headers, body, upgrade }: OutgoingRequest, host: string): string[] {
  if (!/^[A-Z]+$/.test(method)) throw new TypeError("the method is not valid");
  if (!TARGET.test(path)) throw new TypeError("the path cannot be written as a request target");
  const lines = ["Host", host];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1];
    if (value === undefined || !TOKEN.test(name) || !VALUE.test(value)) throw new TypeError("a header cannot be written");
    if (RESERVED_HEADERS.has(name.toLowerCase()))
      throw new TypeError(`the header ${name} is reserved: only the writer of a request sets it`);
    lines.push(name, value);
  }
  if (upgrade !== undefined) {
    if (body !== "none" && body !== 0) throw new TypeError("a request for another protocol has no body");
    if (upgrade === "" || !VALUE.test(upgrade)) throw new TypeError("the protocol's name cannot be written");
    lines.push("Connection", "Upgrade", "Upgrade", upgrade);
  }
  lines.push(...framingLines(method, body));
  return lines;
}

function framingLines(method: string, body: Framing): string[] {
  if (body === "chunked") return ["Transfer-Encoding", "chunked"];
  if (body === "none") return EXPECT_BODY.has(method) ? ["Content-Length", "0"] : [];
  if (!Number.isSafeInteger(body) || body < 0) throw new TypeError("the length of the body is not a number of bytes");
  return ["Content-Length", String(body)];
}

/**
 * How to frame an incoming request when it is forwarded. `declared`: its Content-Length, if it has one. `hasBody`: whether body bytes may
 * follow, although there may be none. undefined: it declares a body that it does not have.
 */
export function framingOf(declared: number | undefined, hasBody: boolean): Framing | undefined {
  if (hasBody) return declared ?? "chunked";
  if (declared === undefined) return "none";
  return declared === 0 ? 0 : undefined;
}
