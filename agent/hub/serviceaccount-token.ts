// Tokens of the managed cluster's own ServiceAccounts, made for a short time by TokenRequest.
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Log } from "../../lib/kube/log.ts";
import { type Fresh, TokenSource } from "./token.ts";

const LIFETIME_SECONDS = 3600;

/** `name`: the ServiceAccount, in the agent's namespace. */
export function serviceAccountToken(managed: KubeClient, namespace: string, name: string, log: Log): TokenSource<Fresh> {
  return new TokenSource({
    what: `token of ServiceAccount ${name}`,
    log,
    obtain: async () => {
      const asked = performance.now();
      const { token, expirationTimestamp } = await managed.requestToken({ namespace, name }, { expirationSeconds: LIFETIME_SECONDS });
      // By our own clock only when it says less than what was asked for: the clocks may differ.
      const until = Date.parse(expirationTimestamp) - Date.now();
      const lifetimeMs = until > 60_000 && until < LIFETIME_SECONDS * 1000 ? until : LIFETIME_SECONDS * 1000 - (performance.now() - asked);
      return { token, lifetimeMs };
    },
  });
}
