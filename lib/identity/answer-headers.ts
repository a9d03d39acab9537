// The headers of a cluster's answer on the way to the client. Pods answer through …/proxy/ on the one host of the proxy, and whoever controls a
// cluster controls its answers: only headers that concern this one answer go on.

/** Lower case. docs/decisions/0011-answers-speak-about-their-own-cluster.md says why each group, and what is left out. */
const ALLOWED: ReadonlySet<string> = new Set([
  // what the body is (RFC 9110, 8 and 14)
  "content-type",
  "content-length",
  "content-encoding",
  "content-language",
  "content-range",
  "content-disposition",
  "content-digest",
  "repr-digest",
  "accept-ranges",
  // how old it is and how long it may be kept
  "age",
  "cache-control",
  "date",
  "etag",
  "expires",
  "last-modified",
  "pragma",
  "vary",
  "x-varied-accept",
  // what the server says beside it
  "allow",
  "accept-patch",
  "retry-after",
  "warning",
  "audit-id",
  "x-kubernetes-pf-flowschema-uid",
  "x-kubernetes-pf-prioritylevel-uid",
  // exec, attach, port-forward
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "x-stream-protocol-version",
  "x-accepted-stream-protocol-versions",
]);

/** Added to every answer of a cluster: a browser runs nothing in it, and does not guess its type. */
export const SANDBOX_HEADERS: readonly string[] = ["Content-Security-Policy", "sandbox", "X-Content-Type-Options", "nosniff"];

/** The headers that may go on, in their order. `raw`: names and values in turn. Pure, total. */
export function allowedHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    // Space around a value means nothing, and HTTP/2 does not allow it.
    if (ALLOWED.has(name.toLowerCase())) headers.push(name, (raw[i + 1] ?? "").trim());
  }
  return headers;
}

/**
 * The length that an answer declares; undefined: none; "malformed": not one plain number. An answer of another length than it declares would run
 * into the next answer on the same connection.
 */
export function declaredLength(raw: readonly string[]): number | "malformed" | undefined {
  let length: number | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.length !== 14 || raw[i]?.toLowerCase() !== "content-length") continue;
    const value = raw[i + 1] ?? "";
    if (!/^[0-9]{1,15}$/.test(value) || length !== undefined) return "malformed";
    length = Number(value);
  }
  return length;
}
