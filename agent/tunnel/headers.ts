// Headers on their way to and from the API server. Pairs stay pairs, in order: merging repeated Impersonate-Group lines would
// make one group of many.
import { type OutgoingRequest, RESERVED_HEADERS } from "../../lib/http1/head.ts";
import { allowedHeaders } from "../../lib/identity/answer-headers.ts";
import type { RawHeaders, RequestHead } from "../../lib/tunnel/head.ts";

/** Besides what only the writer says: they are between a client and a proxy. */
const PROXYS: ReadonlySet<string> = new Set(["proxy-authenticate", "proxy-authorization"]);

/** The request as the API server gets it: the client's own headers, the impersonator's token, and the person's identity. */
export function outgoingRequest(head: RequestHead, groups: readonly string[], token: string): OutgoingRequest {
  const headers: string[] = [];
  let upgrade: string | undefined;
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i] ?? "";
    const value = head.headers[i + 1] ?? "";
    const lower = name.toLowerCase();
    if (lower === "upgrade") upgrade = value;
    if (!RESERVED_HEADERS.has(lower) && !PROXYS.has(lower)) headers.push(name, value);
  }
  headers.push("Authorization", `Bearer ${token}`, "Impersonate-User", head.user);
  if (head.uid !== "") headers.push("Impersonate-Uid", head.uid);
  for (const group of groups) headers.push("Impersonate-Group", group);
  for (const [key, values] of Object.entries(head.extra)) {
    for (const value of values) headers.push(`Impersonate-Extra-${encodeURIComponent(key)}`, value);
  }
  return { method: head.method, path: head.path, headers, body: head.body, upgrade };
}

/**
 * The answer's headers for the way back: those that a proxy passes on, which checks them again. Those of a 101 keep what names the new
 * protocol. Of a redirect goes where it leads, without `prefix`, the path at which this cluster's API server has its "/".
 */
export function answerHeaders(raw: RawHeaders, status: number, prefix: string): string[] {
  const headers = allowedHeaders(raw);
  const more = status === 101 ? "upgrade" : status >= 300 && status < 400 ? "location" : undefined;
  for (let i = 0; i + 1 < raw.length && more !== undefined; i += 2) {
    const value = raw[i + 1] ?? "";
    if (raw[i]?.toLowerCase() === more) headers.push(raw[i] ?? "", value.startsWith(`${prefix}/`) ? value.slice(prefix.length) : value);
  }
  return headers;
}
