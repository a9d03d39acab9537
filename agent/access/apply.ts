// Carries out a plan: what is taken away first, roles before what binds them, a bounded number of requests at once. What the managed cluster
// refuses is noted and does not keep the rest from being done.
import type { Refused } from "../../lib/access/render-namespaces.ts";
import { type ApiError, isForbidden, isInvalid, isNotFound } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, RoleBinding } from "../../lib/kube/core.ts";
import { describe } from "../../lib/kube/log.ts";
import { type Kind, type KubeObject, keyOf } from "../../lib/kube/object.ts";
import type { Applier } from "../../lib/reconcile/applier.ts";
import { grants, type Intent, objectKey, type Steps, type Verified } from "./plan.ts";

export interface Done {
  /** Rights may have been withdrawn: an object was removed or changed. */
  readonly changed: boolean;
  readonly healed: number;
  readonly refused: readonly Refused[];
  /** What failed and may work the next time. */
  readonly failed: readonly unknown[];
}

export interface ApplyOptions {
  readonly applier: Applier;
  /** Brought up to date: what is verified after this. */
  readonly verified: Map<string, Verified>;
  /** Removing what was never verified counts as healing, once the agent has been through everything. */
  readonly settled: boolean;
  readonly signal: AbortSignal;
}

const AT_ONCE = 16;
const KINDS: Readonly<Record<string, Kind<KubeObject>>> = { ClusterRole, ClusterRoleBinding, RoleBinding };

export async function carryOut(steps: Steps, options: ApplyOptions): Promise<Done> {
  const work = new Work(options);
  await Promise.all([work.remove(steps.removeBindings), work.apply(steps.roles)]);
  await work.apply(steps.bindings);
  await work.remove(steps.removeRoles);
  return work.done();
}

class Work {
  readonly #options: ApplyOptions;
  readonly #refused: Refused[] = [];
  readonly #failed: unknown[] = [];
  #healed = 0;
  #changed = false;

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  apply(intents: readonly Intent[]): Promise<void> {
    return inParallel(intents, AT_ONCE, async (intent) => {
      const { applier, verified, signal } = this.#options;
      try {
        const { object, outcome } = await applier.apply(kindOf(intent.object), intent.object, { signal });
        verified.set(intent.key, { head: intent.head, body: intent.body, resourceVersion: object.metadata.resourceVersion });
        if (outcome === "unchanged") return;
        if (intent.heals || (intent.unseen && outcome === "changed")) this.#healed++;
        if (outcome === "changed") this.#changed = true;
      } catch (error) {
        verified.delete(intent.key);
        this.#note(intent.key, error);
      }
    });
  }

  remove(objects: readonly KubeObject[]): Promise<void> {
    return inParallel(objects, AT_ONCE, async (object) => {
      const { applier, verified, settled, signal } = this.#options;
      const key = objectKey(object);
      try {
        await this.#disarm(object);
        const { uid } = object.metadata;
        const { outcome } = await applier.remove(kindOf(object), { ...keyOf(object), ...(uid === undefined ? {} : { uid }) }, { signal });
        const wasOurs = verified.delete(key);
        if (outcome === "unchanged") return;
        this.#changed = true;
        if (settled && !wasOurs) this.#healed++;
      } catch (error) {
        this.#note(key, error);
      }
    });
  }

  done(): Done {
    const refused = this.#refused.sort((a, b) => (a.object < b.object ? -1 : 1));
    return { changed: this.#changed, healed: this.#healed, refused, failed: this.#failed };
  }

  /** A finalizer of somebody else's keeps an object after its deletion, and RBAC goes by it as ever: it is emptied first. */
  async #disarm(object: KubeObject): Promise<void> {
    const { finalizers = [], deletionTimestamp, uid, name, namespace } = object.metadata;
    if ((finalizers.length === 0 && deletionTimestamp === undefined) || !grants(object)) return;
    const { applier, signal } = this.#options;
    const { apiVersion, kind, roleRef } = object as KubeObject & { readonly roleRef?: unknown };
    const metadata = { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
    const empty = { apiVersion, kind, metadata, ...(roleRef === undefined ? { rules: [] } : { roleRef, subjects: [] }) } as KubeObject;
    await applier.apply(kindOf(object), empty, { signal });
    this.#changed = true;
  }

  #note(object: string, error: unknown): void {
    // Its namespace went meanwhile: there is nothing to bind in any more, and the next look will show it.
    if (isNotFound(error) && isAboutNamespace(error)) return;
    if (isForbidden(error) || isInvalid(error) || isNotFound(error)) this.#refused.push({ object, message: describe(error) });
    else this.#failed.push(error);
  }
}

const isAboutNamespace = (error: unknown): boolean =>
  ((error as ApiError).details as { readonly kind?: string } | undefined)?.kind === "namespaces";

export async function inParallel<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

function kindOf(object: KubeObject): Kind<KubeObject> {
  const kind = KINDS[object.kind];
  if (kind === undefined) throw new Error(`${object.kind} is not a kind that access is made of`);
  return kind;
}
