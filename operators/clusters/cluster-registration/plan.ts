import { createHash } from "node:crypto";
import type { ReasonOf } from "../../../crds/schema/condition.ts";
import { type Cluster, Registered } from "../../../crds/v1alpha1/cluster.ts";
import { type ClusterRegistration, Registered as OnRecord } from "../../../crds/v1alpha1/clusterregistration.ts";
import { GROUP, HUB } from "../../../lib/access/names.ts";
import type { Secret } from "../../../lib/kube/core.ts";
import { refOf } from "../../../lib/kube/object.ts";
import type { ConditionIntent, Effect, Plan } from "../../../lib/reconcile/contract.ts";
import type { Observed } from "./observe.ts";

/** Makes sure that there is a valid token, its hash in the ClusterRegistration, and a manifest that contains it. */
export interface PrepareRegistration extends Effect {
  readonly type: "prepare-registration";
  readonly agent: { readonly ceiling: string; readonly groups: readonly string[] };
  readonly isHub: boolean;
  /** Noted on the manifest: what it was made from. */
  readonly madeFrom: string;
}

/** Deletes token and manifest: an agent is registered, and neither is of use any more. */
export interface RetireRegistration extends Effect {
  readonly type: "retire-registration";
}

/** On the manifest's Secret. */
export const MADE_FROM = `${GROUP}/made-from`;
export const TOKEN_HASH = `${GROUP}/token-hash`;

const WAITING = "no agent has registered yet; apply the output of this command in the managed cluster: kubectl drover import";
const ENGINE_UNSUPPORTED = "this version manages existing clusters only: make a Cluster with `import: {}`";
/** Early enough that nobody gets a token that is about to expire. */
const RENEW_BEFORE_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 3600_000;

export function plan(cluster: Cluster, observed: Observed, now: Date): Plan<never> {
  // The registration goes before the Cluster does, which is no news of the agent.
  if (cluster.metadata.deletionTimestamp) return { conditions: [], finalizer: "none" };
  const { registration, manifest, ownNamespace } = observed;
  const unreadable = [registration, manifest].find((reading) => reading.is === "unreadable");
  if (unreadable) return { conditions: [condition("Unknown", "Unreadable", unreadable.because)], finalizer: "none" };
  const found = registration.is === "present" ? registration.value : undefined;
  const secret = manifest.is === "present" ? manifest.value : undefined;
  const conditions = [conditionOf(cluster, found)];
  if (!ownNamespace) return { conditions, finalizer: "none" };

  const subject = refOf(cluster);
  if (found?.status?.publicKey) {
    const effects: readonly RetireRegistration[] = secret ? [{ type: "retire-registration", subject }] : [];
    return { conditions, effects, finalizer: "none" };
  }
  if (!cluster.spec.import) return { conditions, finalizer: "none" };
  const madeFrom = digest([observed.settings, cluster.spec.agent]);
  const left = found ? Date.parse(found.spec.expiresAt) - RENEW_BEFORE_MS - now.getTime() : 0;
  if (found && left > 0 && fits(secret, found, madeFrom)) {
    return {
      conditions,
      finalizer: "none",
      requeueAfter: { ms: Math.min(left, LONGEST_WAIT_MS), because: "the registration token expires" },
    };
  }
  const { ceiling, groups = [] } = cluster.spec.agent;
  const isHub = cluster.metadata.name === HUB;
  const effects: readonly PrepareRegistration[] = [{ type: "prepare-registration", subject, agent: { ceiling, groups }, isHub, madeFrom }];
  return { conditions, effects, finalizer: "none" };
}

const fits = (secret: Secret | undefined, { spec }: ClusterRegistration, madeFrom: string): boolean =>
  secret?.metadata.annotations?.[MADE_FROM] === madeFrom && secret.metadata.annotations[TOKEN_HASH] === spec.tokenHash;

function conditionOf(cluster: Cluster, registration: ClusterRegistration | undefined): ConditionIntent {
  if (!cluster.spec.import) return condition("False", "EngineUnsupported", ENGINE_UNSUPPORTED);
  if (!registration?.status?.publicKey) return condition("False", "WaitingForAgent", `${WAITING} ${cluster.metadata.name}`);
  const reported = registration.status.conditions?.find(({ type }) => type === OnRecord.type);
  return reported?.reason === OnRecord.AwaitingApproval
    ? condition("False", "AwaitingApproval", reported.message)
    : condition("True", "Registered", "");
}

const condition = (status: ConditionIntent["status"], reason: ReasonOf<typeof Registered>, message: string): ConditionIntent => ({
  type: Registered.type,
  status,
  reason,
  message,
});

const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
