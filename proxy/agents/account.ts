// What a token at the agents' paths claims. Read without being verified, so that whatever cannot be right costs nothing more. Pure.
import { AGENT, clusterNamespace } from "../../lib/access/names.ts";
import { keyAudience } from "../../lib/identity/agent-key.ts";

/** The only account that speaks for a cluster. */
export const agentAccount = (cluster: string): string => `system:serviceaccount:${clusterNamespace(cluster)}:${AGENT}`;

/** The hub judges exactly; here only what is over beyond any difference of clocks. */
const CLOCKS_DIFFER_SECONDS = 300;

export interface Claim {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** For whom the token is: the hub's API server, and the key for which auth gave it. */
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

/** Whether auth gave the token to the agent whose key is on record now; `print`: that key's fingerprint. */
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
