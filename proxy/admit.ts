// Step 1: is this a request that can have one meaning only, and claims nothing? Pure.
import type { BlockList } from "node:net";
import { judgeHeaders } from "../lib/identity/headers.ts";
import { parseTarget } from "../lib/identity/path.ts";
import { sourceOf } from "../lib/limits/source.ts";
import { Refusal } from "./refusal.ts";
import type { Admitted, Incoming } from "./request.ts";

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** What an API server changes to. Others, above all h2c, would let a client speak behind the pipeline. */
const UPGRADES: ReadonlySet<string> = new Set(["websocket", "spdy/3.1"]);

export type Destination = "cluster" | "tunnel" | "hub";
export interface AdmittedTo extends Admitted {
  readonly to: Destination;
}

/** `trusted`: the load balancers whose X-Forwarded-For is believed. */
export function admit({ method, url, rawHeaders, peer }: Incoming, trusted: BlockList): AdmittedTo | Refusal {
  const target = parseTarget(url);
  if (target.is === "malformed") return new Refusal("PathRefused", `the path is refused: ${target.because}`);
  if (!METHODS.has(method)) return new Refusal("MethodNotAllowed", "this method is not served here");
  const judged = judgeHeaders(rawHeaders);
  if (judged.is === "identity") {
    return judged.impersonation
      ? new Refusal("ImpersonationRefused", `impersonation (--as) is not served here: the header ${judged.header} is refused`)
      : new Refusal("HeaderRefused", `the header ${judged.header} is refused: it claims an identity`);
  }
  if (judged.is === "malformed") return new Refusal("HeaderRefused", `the headers are refused: ${judged.because}`);
  if (target.is === "nowhere") return new Refusal("NotFound", "there is nothing at this path: clusters are at /clusters/<name>");
  const { upgrade, headers, contentLength, authorization, userAgent, forwardedFor } = judged;
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
