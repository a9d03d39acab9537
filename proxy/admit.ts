// The first decision about a request: it goes on only if it has a single meaning and claims no identity. Pure.
import type { BlockList } from "node:net";
import { evaluateHeaders } from "../lib/identity/headers.ts";
import { parseTarget } from "../lib/identity/path.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { sourceOf } from "../lib/server/source.ts";

/** A request as the client sent it. */
export interface RawRequest {
  readonly method: string;
  /** The request target, byte for byte (Latin-1). */
  readonly url: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** The address at the other end of the connection. */
  readonly peer: string;
}

/** `cluster`: a request to a cluster. `tunnel`, `hub`: an agent opens a tunnel, or asks the hub's API server. */
export type Destination = "cluster" | "tunnel" | "hub";

/** A request in which nothing can be read as an identity, and whose target is known. */
export interface AdmittedRequest {
  readonly to: Destination;
  readonly method: string;
  readonly cluster: string;
  /** The request target for the API server. */
  readonly path: string;
  /** The headers for the API server: names and values in turn. */
  readonly headers: readonly string[];
  /** Of the request's body, in bytes; undefined: none is declared. */
  readonly contentLength: number | undefined;
  /** Every value of this header. */
  readonly authorization: readonly string[];
  readonly upgrade: string | undefined;
  readonly userAgent: string | undefined;
  /** The client's address, for the audit record. */
  readonly source: string;
  /** The key of limits per source: where a source stands for many clients, each cluster has its own. */
  readonly rateKey: string;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** What an API server changes to. Others, above all h2c, would let a client send requests that this file never sees. */
const UPGRADES: ReadonlySet<string> = new Set(["websocket", "spdy/3.1"]);

/** `trusted`: the load balancers whose X-Forwarded-For is trusted. */
export function admit({ method, url, rawHeaders, peer }: RawRequest, trusted: BlockList): AdmittedRequest | Refusal {
  const target = parseTarget(url);
  if (target.is === "malformed") return new Refusal("PathRefused", `the path is refused: ${target.reason}`);
  if (!METHODS.has(method)) return new Refusal("MethodNotAllowed", "this method is not served here");
  const result = evaluateHeaders(rawHeaders);
  if (result.is === "identity") {
    return result.impersonation
      ? new Refusal("ImpersonationRefused", `impersonation (--as) is not served here: the header ${result.header} is refused`)
      : new Refusal("HeaderRefused", `the header ${result.header} is refused: it claims an identity`);
  }
  if (result.is === "malformed") return new Refusal("HeaderRefused", `the headers are refused: ${result.reason}`);
  if (target.is === "nowhere") return new Refusal("NotFound", "there is nothing at this path: clusters are at /clusters/<name>");
  const { upgrade, headers, contentLength, authorization, userAgent, forwardedFor } = result;
  if (upgrade !== undefined && !mayUpgrade(target.is, method, upgrade)) {
    return new Refusal("UpgradeRefused", "this change of protocol is not served here");
  }
  if (upgrade !== undefined && (contentLength ?? 0) !== 0) return new Refusal("UpgradeRefused", "a change of protocol has no body");
  const { address: source, key, standsForMany } = sourceOf(peer, forwardedFor, trusted);
  const path = target.is === "tunnel" ? "" : target.path;
  const rateKey = standsForMany ? `${key} ${target.cluster}` : key;
  const request = { method, path, headers, contentLength, authorization, upgrade, userAgent };
  return { to: target.is, cluster: target.cluster, ...request, source, rateKey };
}

function mayUpgrade(to: Destination, method: string, upgrade: string): boolean {
  if (to === "hub") return false;
  if (to === "tunnel") return method === "GET";
  return (method === "GET" || method === "POST") && UPGRADES.has(upgrade.toLowerCase());
}
