// Knows whether the hub's guards are in force: they stand as they were written (watched), and an account that has the plain RBAC
// right to it was refused what they must refuse (tried as a dry run, again and again). Until then the operator grants nothing.
import { type Gap, NO_HISTORY } from "../../lib/access/guard-history.ts";
import { LABEL, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { GUARD_PROBE, userAgent } from "../../lib/components/components.ts";
import { pause } from "../../lib/kube/backoff.ts";
import { Cache } from "../../lib/kube/cache.ts";
import { type ApiError, isForbidden, KubeClient } from "../../lib/kube/client.ts";
import { type Connection, endpointOf } from "../../lib/kube/connection.ts";
import { Namespace, RoleBinding, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject, PolicyRule } from "../../lib/kube/object.ts";
import { GUARD_HISTORY, HistoryKeeper } from "./guard-history.ts";
import { fingerprint, type GuardState, guardFaults } from "./guard-state.ts";

export type { GuardState } from "./guard-state.ts";

const PROBE = { namespace: SYSTEM_NAMESPACE, name: GUARD_PROBE };
const TOKEN_SECONDS = 3600;
const REPROBE_MS = 30_000;
const RETRY_MS = 250;
/** For so long the first lists are waited for before it is said that they cannot be had. */
const SYNC_MS = 10_000;
/** A policy that was deleted and made anew can still refuse from the API server's memory: it has to refuse twice, this far apart. */
const CONFIRM_MS = 300;
/** For so long a probe that cannot be made leaves the last answer standing. */
const TRUST_MS = 90_000;

/** What the process needs besides what its reconcilers declare. */
export const guardPermissions: {
  readonly cluster: readonly PolicyRule[];
  readonly namespaced: Readonly<Record<string, readonly PolicyRule[]>>;
} = {
  cluster: [
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
      verbs: ["get", "list", "watch"],
    },
  ],
  namespaced: {
    [SYSTEM_NAMESPACE]: [
      { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [PROBE.name], verbs: ["create"] },
      { apiGroups: [""], resources: ["configmaps"], resourceNames: [GUARD_HISTORY], verbs: ["get", "patch"] },
    ],
  },
};

const RBAC = "rbac.authorization.k8s.io";
const ATTEMPTS: readonly { readonly policy: string; readonly kind: Kind<KubeObject>; readonly object: KubeObject }[] = [
  {
    policy: "drover-backing-namespaces",
    kind: Namespace,
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "cluster-guard-probe" } },
  },
  {
    policy: "drover-namespaces",
    kind: Namespace,
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "drover-guard-probe", labels: { [LABEL.project]: "guard-probe" } } },
  },
  {
    policy: "drover-managed-objects",
    kind: RoleBinding,
    object: {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { name: "guard-probe-attempt", namespace: SYSTEM_NAMESPACE },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "drover:guard-probe" },
      subjects: [{ kind: "User", apiGroup: RBAC, name: "drover:user:guard-probe" }],
    } as KubeObject,
  },
];

export interface GuardWatchOptions {
  readonly log: Log;
  /**
   * Called when the guards come to be in force or cease to be, and when what is known of the times without them changes: grants may wait, and
   * what was written in such a time may be granted already.
   */
  readonly onChange: () => void;
}

export class GuardWatch {
  readonly #client: KubeClient;
  readonly #probe: KubeClient;
  readonly #log: Log;
  readonly #policies: Cache<ValidatingAdmissionPolicy>;
  readonly #bindings: Cache<ValidatingAdmissionPolicyBinding>;
  #state: GuardState = { is: "Unknown", because: "the hub's guards were not tried yet" };
  readonly #answered = Promise.withResolvers<void>();
  readonly #keeper: HistoryKeeper;
  readonly #onChange: () => void;
  #told: { readonly is: GuardState["is"]; readonly gaps: readonly Gap[] } = { is: "Unknown", gaps: NO_HISTORY.gaps };
  #notRecorded: string | undefined;
  #refusedAt: number | undefined;
  /** Aborted when a guard changes: what was found out before that says nothing. */
  #round = new AbortController();
  #token: { readonly value: string; readonly until: number } | undefined;

  constructor(connection: Connection, client: KubeClient, { log, onChange }: GuardWatchOptions) {
    this.#client = client;
    this.#log = log;
    this.#onChange = onChange;
    this.#probe = new KubeClient({ ...endpointOf(connection), token: () => this.#probeToken() }, { userAgent: userAgent(GUARD_PROBE) });
    this.#policies = new Cache(client, ValidatingAdmissionPolicy, { log });
    this.#bindings = new Cache(client, ValidatingAdmissionPolicyBinding, { log });
    this.#keeper = new HistoryKeeper(client);
  }

  /** Resolves when the guards were looked at for the first time, whatever came of it. */
  get answered(): Promise<void> {
    return this.#answered.promise;
  }

  get state(): GuardState {
    return { ...this.#state, gaps: this.#keeper.gaps };
  }

  /** Watches and probes until the signal aborts. Once. */
  async run(signal: AbortSignal): Promise<void> {
    for (const cache of [this.#policies, this.#bindings]) {
      cache.onChange(() => this.#changed());
      cache.start(signal);
    }
    await Promise.race([Promise.allSettled([this.#policies.synced, this.#bindings.synced]), pause(SYNC_MS, signal)]);
    while (!signal.aborted) {
      this.#round = new AbortController();
      const round = AbortSignal.any([signal, this.#round.signal]);
      const found = await this.#remembered(await this.#look(round), round);
      if (!round.aborted) this.#set(found);
      this.#tell();
      if (!round.aborted) this.#answered.resolve();
      await pause(this.#state.is === "Enforced" ? REPROBE_MS : RETRY_MS, round);
    }
    await this.#probe.close();
  }

  /** Before anything is granted it is on record when the guards were not in force; before they are back, that they are not. */
  async #remembered(found: GuardState, signal: AbortSignal): Promise<GuardState> {
    try {
      if (found.is === "Enforced") await this.#keeper.inForce(fingerprint(this.#live()), signal);
      if (found.is === "Missing") await this.#keeper.missing(signal);
      this.#notRecorded = undefined;
      return found;
    } catch (error) {
      if (found.is !== "Enforced" && describe(error) !== this.#notRecorded) {
        this.#notRecorded = describe(error);
        this.#log.warn("not recorded that the guards are missing", { error: describe(error) });
      }
      if (found.is !== "Enforced" || this.#keeper.isRecorded(fingerprint(this.#live()))) return found;
      return { is: "Unknown", because: `ConfigMap ${GUARD_HISTORY} cannot be kept: ${describe(error)}` };
    }
  }

  #live(): readonly KubeObject[] {
    return [...this.#policies.list(), ...this.#bindings.list()];
  }

  /** Status changes and what others keep of their own do not count. */
  #changed(): void {
    // While the first lists come in piece by piece, what is not there yet is not missing.
    if (!this.#known) return;
    const faults = guardFaults(this.#live());
    if (faults.length === 0 && this.#state.is === "Enforced") return;
    this.#refusedAt = undefined;
    if (faults.length > 0) {
      this.#keeper.notice();
      this.#set({ is: "Missing", because: faults.join("; ") });
      this.#tell();
    }
    this.#round.abort();
  }

  #tell(): void {
    const [{ is }, { gaps }] = [this.#state, this.#keeper];
    if (is === this.#told.is && gaps === this.#told.gaps) return;
    this.#told = { is, gaps };
    this.#onChange();
  }

  get #known(): boolean {
    return this.#policies.hasSynced && this.#bindings.hasSynced;
  }

  async #look(signal: AbortSignal): Promise<GuardState> {
    if (!this.#known) return { is: "Unknown", because: "the hub's admission policies could not be listed" };
    const faults = guardFaults(this.#live());
    if (faults.length > 0) return { is: "Missing", because: faults.join("; ") };
    let found = await this.#tryAll(signal);
    if (found.is === "Enforced" && this.#refusedAt === undefined) {
      await pause(CONFIRM_MS, signal);
      found = await this.#tryAll(signal);
    }
    if (found.is === "Enforced") this.#refusedAt = performance.now();
    if (found.is === "Missing") this.#refusedAt = undefined;
    const trusted = this.#refusedAt !== undefined && performance.now() - this.#refusedAt < TRUST_MS;
    return found.is === "Unknown" && trusted ? { is: "Enforced" } : found;
  }

  async #tryAll(signal: AbortSignal): Promise<GuardState> {
    for (const { policy, kind, object } of ATTEMPTS) {
      try {
        await this.#probe.create(kind, object, { dryRun: true, signal });
        return { is: "Missing", because: `policy ${policy} let a probe through` };
      } catch (error) {
        const refusedByGuard = isForbidden(error) && (error as ApiError).message.includes(`'${policy}'`);
        if (!refusedByGuard) return { is: "Unknown", because: `the probe of policy ${policy} could not be made: ${describe(error)}` };
      }
    }
    return { is: "Enforced" };
  }

  async #probeToken(): Promise<string> {
    if (this.#token && this.#token.until > performance.now()) return this.#token.value;
    const { token } = await this.#client.requestToken(PROBE, { expirationSeconds: TOKEN_SECONDS });
    this.#token = { value: token, until: performance.now() + (TOKEN_SECONDS * 1000) / 2 };
    return token;
  }

  #set(state: GuardState): void {
    const changed = JSON.stringify(state) !== JSON.stringify(this.#state);
    this.#state = state;
    if (changed) this.#log.info("guards of the hub", { state: state.is, detail: state.is === "Enforced" ? "" : state.because });
  }
}
