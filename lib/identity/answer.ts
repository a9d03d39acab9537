// Whether a cluster's answer may be passed on to the client. A cluster is trusted no more than its weakest pod, and the client's token opens other
// clusters as well: an answer that reaches beyond its own cluster is refused.
import { allowedHeaders, declaredLength, SANDBOX_HEADERS } from "./answer-headers.ts";
import { parseTarget } from "./path.ts";

export interface Asked {
  readonly method: string;
  /** What the cluster got as the request target: begins with "/". */
  readonly path: string;
  /** The path at which clients find the cluster's "/": `/clusters/<name>`. Without one no redirect is passed on. */
  readonly base?: string;
}

export type AnswerResult =
  | {
      readonly is: "accepted";
      readonly status: number;
      /** Names and values in turn, as the client gets them. */
      readonly headers: string[];
      /** Bytes of the body that must come; undefined: until the stream ends. */
      readonly length: number | undefined;
    }
  /** `reason` continues the sentence "the cluster <name> …", and repeats nothing that the cluster sent. */
  | { readonly is: "refused"; readonly reason: string };

/** The redirects that clients follow. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** An answer to a request that asked for no change of protocol. `headers`: names and values in turn. Pure, total. */
export function evaluateAnswer(asked: Asked, { status, headers: raw }: { status: number; headers: readonly string[] }): AnswerResult {
  if (status < 200 || status > 599) return refused("answers with a status that HTTP does not have");
  const length = declaredLength(raw);
  if (length === "malformed") return refused("does not say plainly how long its answer is");
  const headers = allowedHeaders(raw);
  if (status >= 300 && status < 400 && status !== 304) {
    const location = REDIRECTS.has(status) ? locationWithin(asked, raw) : undefined;
    if (location === undefined) return refused("answers with a redirect that does not stay in it");
    headers.push("Location", location);
  }
  headers.push(...SANDBOX_HEADERS);
  const empty = asked.method === "HEAD" || status === 204 || status === 304;
  // A client that takes the length of a 204 seriously waits for a body that never comes; HTTP/2 ends such a stream.
  return {
    is: "accepted",
    status,
    headers: status === 204 ? without(headers, "content-length") : headers,
    length: empty ? undefined : length,
  };
}

/** The headers of a 101, which ends HTTP on this connection. */
export function changeHeaders(raw: readonly string[]): string[] {
  const headers = ["Connection", "Upgrade"];
  for (let i = 0; i + 1 < raw.length; i += 2) if (raw[i]?.toLowerCase() === "upgrade") headers.push("Upgrade", raw[i + 1] ?? "");
  return [...headers, ...without(allowedHeaders(raw), "content-length"), ...SANDBOX_HEADERS];
}

/**
 * Where a redirect leads, as a path below `base`; undefined when that is not certain. Clients repeat their token, and with some statuses their
 * method and body, so only reads may be redirected. The result is parsed and serialised again: nothing in it can be read in two ways.
 */
function locationWithin({ method, path, base }: Asked, raw: readonly string[]): string | undefined {
  if (base === undefined || (method !== "GET" && method !== "HEAD")) return undefined;
  const given = raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === "location");
  const [location] = given;
  if (location === undefined || given.length > 1) return undefined;
  const url = URL.parse(location, `https://${NOWHERE}${path}`);
  if (url === null || url.protocol !== "https:" || url.host !== NOWHERE || url.username !== "" || url.password !== "") return undefined;
  // A host that is named, even this one, would be another than the client's.
  if (/^[a-z][a-z0-9+.-]*:|^[/\\]{2}/i.test(location.trim())) return undefined;
  const within = base + url.pathname + url.search;
  const target = parseTarget(within);
  return target.is === "cluster" && within === `/clusters/${target.cluster}${target.path}` ? within + url.hash : undefined;
}

/** A host that never exists (RFC 2606): a location that leaves it leads elsewhere. */
const NOWHERE = "cluster.invalid";

function without(headers: readonly string[], name: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== name) kept.push(headers[i] ?? "", headers[i + 1] ?? "");
  }
  return kept;
}

const refused = (reason: string): AnswerResult => ({ is: "refused", reason });
