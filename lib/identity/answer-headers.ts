// The headers of a cluster's answer on the way to the client. Pods answer through …/proxy/ on the host that all of Drover's API
// shares: what they send must never act as their visitor.

const DROPPED: ReadonlySet<string> = new Set([
  // one connection only
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // about the whole host, which is not the pod's to decide
  "set-cookie",
  "set-cookie2",
  "alt-svc",
  "clear-site-data",
  "service-worker-allowed",
  "strict-transport-security",
  "public-key-pins",
  // ours
  "content-security-policy",
  "x-content-type-options",
]);

/** In an answer of any cluster: nothing in it runs, and nothing is guessed to be something that runs. */
export const SAFETY_HEADERS: readonly string[] = ["Content-Security-Policy", "sandbox", "X-Content-Type-Options", "nosniff"];

/** `raw`: names and values in turn, as they came through the tunnel. Pure, total. */
export function answerHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (!DROPPED.has(name.toLowerCase())) headers.push(name, raw[i + 1] ?? "");
  }
  headers.push(...SAFETY_HEADERS);
  return headers;
}

/**
 * The length that an answer declares: undefined when it declares none, "malformed" when it is not one plain number. Whoever sends
 * another length than it declares would write into the next answer on the same connection.
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
