// Whose token an agent shows. Read here without being verified, so that nothing else is even passed on; the hub verifies it. Pure.
import { AGENT, clusterNamespace } from "../../lib/access/names.ts";

/** The only account that speaks for a cluster. */
export const agentAccount = (cluster: string): string => `system:serviceaccount:${clusterNamespace(cluster)}:${AGENT}`;

/** The bearer token, if it claims to be that of the cluster's own agent; `authorization`: every such header of the request. */
export function agentToken(authorization: readonly string[], cluster: string): string | undefined {
  const [header] = authorization;
  if (header === undefined || authorization.length > 1) return undefined;
  const token = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header)?.[1];
  return token !== undefined && subjectOf(token) === agentAccount(cluster) ? token : undefined;
}

function subjectOf(token: string): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? (claims as { sub?: unknown }).sub : undefined;
  } catch {
    return undefined;
  }
}
