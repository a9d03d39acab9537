// Whether the guards are in force, found out by trying: what they must refuse is asked for, as a dry run, by an account that has the
// plain RBAC right to it. Only an answer that names the policy counts; having created the policy proves nothing.
import { LABEL, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { ApiError, isForbidden, type KubeClient } from "../../lib/kube/client.ts";
import { Namespace, RoleBinding } from "../../lib/kube/core.ts";
import { describe } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";

/** The probe's own role: it may bind what it holds itself, so that not RBAC's escalation check but only the guard can refuse. */
export const PROBE_ROLE = "drover:guard-probe";

export interface ProbeResult {
  /** As in the ClusterReport. */
  readonly state: "Enforced" | "Missing" | "Unknown";
  readonly message: string;
}

interface Attempt {
  /** The policy that has to refuse. */
  readonly policy: string;
  readonly kind: Kind<KubeObject>;
  readonly object: KubeObject;
}

const RBAC = "rbac.authorization.k8s.io";
const binding = {
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name: "guard-probe-attempt", namespace: SYSTEM_NAMESPACE },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: PROBE_ROLE },
  subjects: [{ kind: "User", apiGroup: RBAC, name: "drover:user:guard-probe" }],
};
const namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "drover-guard-probe", labels: { [LABEL.project]: "guard-probe" } },
};

const ATTEMPTS: readonly Attempt[] = [
  { policy: "drover-namespaces", kind: Namespace, object: namespace },
  { policy: "drover-managed-objects", kind: RoleBinding, object: binding },
];

/** `probe`: a client that is ServiceAccount guard-probe. Never rejects. */
export async function probeGuards(probe: KubeClient, signal: AbortSignal): Promise<ProbeResult> {
  const results = await Promise.all(ATTEMPTS.map((attempt) => tryOne(probe, attempt, signal)));
  const worst = results.find(({ state }) => state === "Missing") ?? results.find(({ state }) => state === "Unknown");
  return worst ?? { state: "Enforced", message: `refused, as they must be, by ${ATTEMPTS.map(({ policy }) => policy).join(" and ")}` };
}

async function tryOne(probe: KubeClient, { policy, kind, object }: Attempt, signal: AbortSignal): Promise<ProbeResult> {
  try {
    await probe.create(kind, object, { dryRun: true, signal });
    return { state: "Missing", message: `${object.kind} ${object.metadata.name} was not refused by ${policy}` };
  } catch (error) {
    if (isForbidden(error) && (error as Error).message.includes(`'${policy}'`)) return { state: "Enforced", message: "" };
    // An answer, but not from the policy: whatever it was, it does not prove that the policy works.
    const answered = error instanceof ApiError && error.code < 500 && error.code !== 429;
    return {
      state: "Unknown",
      message: `${answered ? `not ${policy} but something else refused` : `${policy} could not be tried`}: ${describe(error)}`.slice(
        0,
        1024,
      ),
    };
  }
}
