// Asks the hub whose token an agent shows.
import type { KubeClient } from "../../lib/kube/client.ts";

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
const TIMEOUT_MS = 10_000;

/** The name of the token's owner; undefined when the hub does not take the token. Throws when the hub does not answer. */
export async function reviewToken(hub: KubeClient, token: string): Promise<string | undefined> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec: { token } };
  const answer = (await hub.request("POST", PATH, { body, signal: AbortSignal.timeout(TIMEOUT_MS) })) as {
    status?: { authenticated?: boolean; user?: { username?: string } };
  };
  return answer.status?.authenticated === true ? answer.status.user?.username : undefined;
}
