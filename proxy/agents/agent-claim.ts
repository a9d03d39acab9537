// The claims of a token at the agents' paths, read before anything is verified: a token that cannot be right costs nothing more. Pure.
import { AGENT, clusterNamespace } from "../../lib/access/names.ts";
import { keyAudience } from "../../lib/identity/agent-key.ts";

/** The only account that acts for a cluster. */
export const agentAccount = (cluster: string): string => `system:serviceaccount:${clusterNamespace(cluster)}:${AGENT}`;

/** The hub checks the expiry exactly. Here only tokens are refused that expired longer ago than clocks may differ. */
const CLOCKS_DIFFER_SECONDS = 300;

export interface Claim {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The hub's API server, and the agent's key for which auth requested the token. */
  readonly audiences: readonly string[];
}

/** The bearer token, if it claims to be that of the cluster's own agent; `authorization`: every such header of the request. */
export function agentClaim(authorization: readonly string[], cluster: string, nowMs: number): Claim | undefined {
  const [header] = authorization;
  if (header === undefined || authorization.length > 1) return undefined;
  const token = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header)?.[1];
  const { sub, exp, aud } = claimsOf(token ?? "");
  if (token === undefined || sub !== agentAccount(cluster)) return undefined;
  if (typeof exp !== "number" || nowMs / 1000 > exp + CLOCKS_DIFFER_SECONDS) return undefined;
  const audiences = Array.isArray(aud) ? aud.filter((one) => typeof one === "string") : [];
  return { token, expiresAt: exp * 1000, audiences };
}

/** Whether auth requested the token for the key with this fingerprint; undefined: no key is on record. */
export const isForKey = ({ audiences }: Claim, keyFingerprint: string | undefined): boolean =>
  keyFingerprint !== undefined && audiences.includes(keyAudience(keyFingerprint));

function claimsOf(token: string): { readonly sub?: unknown; readonly exp?: unknown; readonly aud?: unknown } {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}
