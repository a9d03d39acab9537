// Which of a client's headers go on, and which end the request. A header that could be read as an identity is refused, never removed.
import { RESERVED_HEADERS } from "../http1/head.ts";

export type HeadersResult =
  | {
      readonly is: "clean";
      /** Names and values in turn, for the cluster: without credentials, hop-by-hop headers, framing and claims about the way. */
      readonly headers: string[];
      /** In bytes; undefined: none is declared. */
      readonly contentLength: number | undefined;
      readonly authorization: readonly string[];
      /** The protocol to which the client wants to change, as it wrote it. */
      readonly upgrade: string | undefined;
      readonly forwardedFor: string | undefined;
      readonly userAgent: string | undefined;
    }
  | { readonly is: "identity"; readonly header: string; readonly impersonation: boolean }
  | { readonly is: "malformed"; readonly reason: string };

/** Credentials end here. Cookies have no meaning on this host. */
const CREDENTIALS = ["authorization", "cookie", "cookie2", "proxy-authorization", "proxy-authenticate"];
/** Claims of the client about the way that the request took. */
const CLAIMS = ["forwarded", "x-real-ip", "via", "true-client-ip", "cf-connecting-ip"];
const DROPPED: ReadonlySet<string> = new Set([...RESERVED_HEADERS, ...CREDENTIALS, ...CLAIMS]);

/** All that `Connection` may name. Anything else asks for a header to be removed on the way. */
const CONNECTION_OPTIONS: ReadonlySet<string> = new Set(["close", "keep-alive", "upgrade", "te", "http2-settings", "proxy-connection"]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A WebSocket subprotocol that carries a bearer token: meant for the proxy, not for the cluster. */
const BEARER_SUBPROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** `raw`: names and values in turn, as they came; pseudo-headers of HTTP/2 (":path" and so on) are skipped. Pure, total. */
export function evaluateHeaders(raw: readonly string[]): HeadersResult {
  const headers: string[] = [];
  const authorization: string[] = [];
  let upgrade: string | undefined;
  let asksUpgrade = false;
  let forwardedFor: string | undefined;
  let userAgent: string | undefined;
  let contentLength: number | undefined;
  let chunked = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const value = raw[i + 1] ?? "";
    if (name.startsWith(":")) continue;
    // HTTP parsers refuse these as well. Here it is certain, because the tunnel must never carry them.
    if (!NAME.test(name) || !VALUE.test(value)) return { is: "malformed", reason: "they hold characters that HTTP does not allow" };
    const lower = name.toLowerCase();
    const identity = identityIn(lower);
    if (identity !== undefined) return { is: "identity", header: name, impersonation: identity === "impersonate-" };
    if (lower.startsWith("x-forwarded-")) {
      if (lower === "x-forwarded-for") forwardedFor = forwardedFor === undefined ? value : `${forwardedFor}, ${value}`;
      continue;
    }
    if (!DROPPED.has(lower)) {
      if (lower === "user-agent") userAgent = value;
      if (lower !== "sec-websocket-protocol") headers.push(name, value);
      else if (withoutBearer(value) !== "") headers.push(name, withoutBearer(value));
      continue;
    }
    if (lower === "authorization") authorization.push(value);
    else if (lower === "upgrade") upgrade = upgrade === undefined ? value : `${upgrade}, ${value}`;
    else if (lower === "connection") {
      const options = listOf(value);
      if (options.some((option) => !CONNECTION_OPTIONS.has(option))) return { is: "malformed", reason: "Connection names a header" };
      asksUpgrade ||= options.includes("upgrade");
    } else if (lower === "content-length") {
      if (contentLength !== undefined || !/^[0-9]{1,15}$/.test(value))
        return { is: "malformed", reason: "Content-Length is not one number" };
      contentLength = Number(value);
    } else if (lower === "transfer-encoding") {
      if (chunked || value.trim().toLowerCase() !== "chunked") return { is: "malformed", reason: "Transfer-Encoding may only be chunked" };
      chunked = true;
    }
  }
  if (chunked && contentLength !== undefined) return { is: "malformed", reason: "the body's length is declared in two ways" };
  if (chunked && asksUpgrade) return { is: "malformed", reason: "a change of protocol has no body" };
  return { is: "clean", headers, contentLength, authorization, upgrade: asksUpgrade ? upgrade : undefined, forwardedFor, userAgent };
}

/**
 * The prefix by which any server on the way could read a name as an identity: in any case, percent-encoded, and with underscores, which some
 * servers take for hyphens. `lower` is in lower case.
 */
function identityIn(lower: string): "impersonate-" | "x-remote-" | undefined {
  const first = lower.charCodeAt(0);
  // Fast path for almost every header: none of these begins with i, x, an escape or an odd character.
  if (first !== 0x69 && first !== 0x78 && first > 0x61 && !lower.includes("%")) return undefined;
  const reading = unescaped(lower).toLowerCase().replaceAll("_", "-").trim();
  if (reading.startsWith("impersonate-")) return "impersonate-";
  return reading.startsWith("x-remote-") ? "x-remote-" : undefined;
}

/** Decoded until nothing changes, at most three times. */
function unescaped(text: string): string {
  let reading = text;
  for (let i = 0; i < 3 && reading.includes("%"); i++) {
    reading = reading.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return reading;
}

const listOf = (value: string): string[] =>
  value
    .split(",")
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== "");

const withoutBearer = (value: string): string =>
  value
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "" && !protocol.toLowerCase().startsWith(BEARER_SUBPROTOCOL))
    .join(", ");
