// The head of an HTTP/1.1 request that we make from parts. How its body is framed is said here and nowhere else, always explicitly: what
// the head says is what goes over the connection, whatever the method. Pure.

/** How a request's body is framed: not there at all, in chunks, or so many bytes (0: a Content-Length of 0). */
export type Framing = "none" | "chunked" | number;

export interface OutgoingRequest {
  readonly method: string;
  /** The request target, from "/" on. */
  readonly path: string;
  /** Names and values in turn, without those that only the writer may say; such a one is refused, never cleaned away. */
  readonly headers: readonly string[];
  readonly body: Framing;
  /** The protocol to change to; such a request has no body, and a connection of its own. */
  readonly upgrade?: string | undefined;
}

/** They speak about one connection, or about where a body ends (RFC 9112). */
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

/** Methods without which a missing Content-Length would be read as "a body of unknown length", by node's writer. */
const EXPECT_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;

/** All header lines, names and values in turn. Throws TypeError for what cannot be said in one request with one meaning. */
export function headerLines({ method, path, headers, body, upgrade }: OutgoingRequest, host: string): string[] {
  if (!/^[A-Z]+$/.test(method)) throw new TypeError("the method is not one");
  if (!TARGET.test(path)) throw new TypeError("the path cannot be written as a request target");
  const lines = ["Host", host];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1];
    if (value === undefined || !TOKEN.test(name) || !VALUE.test(value)) throw new TypeError("a header cannot be written");
    if (RESERVED_HEADERS.has(name.toLowerCase())) throw new TypeError(`the header ${name} is the writer's own`);
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
  if (!Number.isSafeInteger(body) || body < 0) throw new TypeError("the body's length is not one");
  return ["Content-Length", String(body)];
}

/**
 * How a request that came in is framed when it goes on. `declared`: its Content-Length, if it has one; `hasBody`: whether bytes of a body
 * may come, though it may turn out empty. undefined: it declares a body and has none.
 */
export function framingOf(declared: number | undefined, hasBody: boolean): Framing | undefined {
  if (hasBody) return declared ?? "chunked";
  if (declared === undefined) return "none";
  return declared === 0 ? 0 : undefined;
}
