import { isDeepStrictEqual } from "node:util";
import { type ApiError, isConflict, isInvalid, isNotFound, type KubeClient } from "../kube/client.ts";
import { hasLabels, type Key, type Kind, type KubeObject, keyOf, keyString, type ObjectRef } from "../kube/object.ts";
import { grants, isUndrifted } from "./drift.ts";
import { fingerprint } from "./fingerprint.ts";
import { type CacheLookup, kindString, Live } from "./live.ts";

/** What came of one intent. "unchanged": nothing was sent, or the server found nothing to change. */
export type ApplyOutcome = "created" | "changed" | "unchanged";

export interface Applied<T extends KubeObject> {
  readonly object: T;
  readonly outcome: ApplyOutcome;
  /** The object was as intended before and somebody else changed or deleted it; or an unknown object was in the place of a new one. */
  readonly corrected: boolean;
}

export interface Removed {
  readonly outcome: "changed" | "unchanged";
  /** True when this applier had not made the object. */
  readonly unknown: boolean;
}

/** An intent that was applied, and the version it led to; undefined when no version is known. */
interface Sent {
  /** Undefined: a status. */
  readonly object: ObjectRef | undefined;
  readonly intent: string;
  readonly resourceVersion: string | undefined;
}

export interface ApplierOptions {
  readonly client: KubeClient;
  readonly fieldManager: string;
  /** The watched cache of a kind; without one, the live object is read from the server before each apply. */
  readonly cacheOf?: CacheLookup;
  /** Shared between the appliers of one process, so that each sees what the others wrote. Default: one of its own. */
  readonly live?: Live;
  /** Called for each request sent. "noop": the server found nothing to change. */
  readonly onWrite?: (kind: string, outcome: "created" | "changed" | "noop" | "recreated" | "deleted" | "failed") => void;
}

/** How many objects an applier remembers having applied; forgetting costs a request that changes nothing, and a correction that is not counted. */
const REMEMBERED = 500_000;

/**
 * Server-side apply that sends nothing when nothing would change, for one field manager. What apply cannot correct (another roleRef, an
 * unmanaged aggregationRule) is deleted and made anew. It remembers what it applied: the only memory that tells drift from a new intent.
 */
export class Applier {
  readonly #client: KubeClient;
  readonly #manager: string;
  readonly #live: Live;
  readonly #onWrite: NonNullable<ApplierOptions["onWrite"]>;
  /** By kind and key, what was applied last: also the answer for values that the server writes differently (defaults, quantities). */
  readonly #sent = new Map<string, Sent>();
  /** UIDs of objects whose deletion was asked for, until they are seen gone. */
  readonly #removed = new Map<string, string>();

  constructor({ client, fieldManager, cacheOf = () => undefined, live = new Live(client, cacheOf), onWrite = () => {} }: ApplierOptions) {
    this.#client = client;
    this.#manager = fieldManager;
    this.#live = live;
    this.#onWrite = onWrite;
  }

  /** Whether the object is as this intent made it last: one comparison, no request. Thousands of settled objects cost little in each pass. */
  isSettled(kind: Kind<KubeObject>, intent: KubeObject): boolean {
    const sent = this.#sent.get(idOf(kind, keyOf(intent)));
    if (sent?.resourceVersion === undefined || sent.resourceVersion !== this.#live.peek(kind, keyOf(intent))?.metadata.resourceVersion)
      return false;
    return sent.intent === fingerprint(intent);
  }

  /** Whether this version of the object is the one that this applier's last apply led to. */
  isOwnWrite(kind: Kind<KubeObject>, { metadata }: KubeObject): boolean {
    const { resourceVersion } = metadata;
    return resourceVersion !== undefined && this.#sent.get(idOf(kind, metadata))?.resourceVersion === resourceVersion;
  }

  /** Takes an object for applied by an earlier process, in a version that nobody knows: what differs from it is drift. */
  assume(object: KubeObject): void {
    this.#remember(object, undefined);
  }

  /** What was applied and not removed since. */
  get applied(): readonly ObjectRef[] {
    return [...this.#sent.values()].flatMap(({ object }) => object ?? []);
  }

  /** Makes the fields of `intent` true on the server. Throws what the client throws. */
  async apply<T extends KubeObject>(
    kind: Kind<T>,
    intent: KubeObject,
    o: { subresource?: "status"; signal?: AbortSignal } = {},
  ): Promise<Applied<T>> {
    const key = keyOf(intent);
    const live = await this.#live.find(kind, key, o.signal);
    const sent = this.#sent.get(idOf(kind, key, o.subresource));
    const before = sent !== undefined && sent.intent === fingerprint(intent) ? sent : undefined;
    if (live !== undefined) {
      const asSent = before?.resourceVersion !== undefined && before.resourceVersion === live.metadata.resourceVersion;
      // First of all: what is wrong with it may lie in fields that the intent does not have, and so cannot have drifted.
      const spoilt = cannotBeCorrected(intent, live);
      if (!spoilt && (asSent || isUndrifted(intent, live, this.#manager, o.subresource))) {
        this.#remember(intent, live.metadata.resourceVersion, o.subresource);
        return { object: live, outcome: "unchanged", corrected: false };
      }
      if (spoilt) await this.#makeWay(kind, live, o.signal);
    }
    // Without the labels of the intent it is somebody else's.
    const isUnknown = live !== undefined && !hasLabels(live, intent.metadata.labels ?? {});
    const object = await this.#send(kind, intent, live, o);
    this.#remember(intent, object.metadata.resourceVersion, o.subresource);
    this.#live.wrote(kind, object);
    const outcome = this.#outcome(kind, object, live);
    return { object, outcome, corrected: outcome !== "unchanged" && (before !== undefined || isUnknown) };
  }

  /**
   * Deletes the object if it is there and not already going. With a uid (or when one is known from what was watched) only that very object.
   * A role or binding that somebody's finalizer keeps goes on granting while it is being deleted, so it is emptied first.
   */
  async remove(kind: Kind<KubeObject>, ref: Key & { readonly uid?: string }, o: { signal?: AbortSignal } = {}): Promise<Removed> {
    const id = idOf(kind, ref);
    const unknown = !this.#sent.has(id);
    const live = await this.#live.find(kind, ref, o.signal);
    if (live === undefined || live.metadata.uid !== this.#removed.get(id)) this.#removed.delete(id);
    // Another object of the same name than the one that was meant: leave it.
    const isMeant = live !== undefined && (ref.uid === undefined || ref.uid === live.metadata.uid);
    if (!isMeant) {
      if (live === undefined) this.#sent.delete(id);
      return { outcome: "unchanged", unknown };
    }
    const emptied = await this.#empty(kind, live, o.signal);
    if (live.metadata.deletionTimestamp !== undefined || this.#removed.has(id)) {
      this.#sent.delete(id);
      return { outcome: emptied ? "changed" : "unchanged", unknown };
    }
    try {
      await this.#client.delete(kind, ref, { uid: live.metadata.uid, signal: o.signal });
      if (live.metadata.uid !== undefined) this.#removed.set(id, live.metadata.uid);
      this.#sent.delete(id);
      this.#onWrite(kind.kind, "deleted");
    } catch (error) {
      if (!isNotFound(error)) {
        this.#onWrite(kind.kind, "failed");
        throw error;
      }
      this.#sent.delete(id);
      return { outcome: emptied ? "changed" : "unchanged", unknown };
    }
    return { outcome: "changed", unknown };
  }

  #remember(intent: KubeObject, resourceVersion: string | undefined, subresource?: "status"): void {
    const { apiVersion, kind } = intent;
    const id = idOf(intent, keyOf(intent), subresource);
    if (this.#sent.size >= REMEMBERED && !this.#sent.has(id)) this.#sent.clear();
    const object = subresource === undefined ? { apiVersion, kind, ...keyOf(intent) } : undefined;
    this.#sent.set(id, { object, intent: fingerprint(intent), resourceVersion });
  }

  async #empty(kind: Kind<KubeObject>, live: KubeObject, signal: AbortSignal | undefined): Promise<boolean> {
    const { finalizers = [], deletionTimestamp, uid } = live.metadata;
    if ((finalizers.length === 0 && deletionTimestamp === undefined) || !grants(live)) return false;
    const { apiVersion, roleRef } = live as KubeObject & RbacFields;
    const metadata = { ...keyOf(live), ...(uid !== undefined && { uid }) };
    const content = roleRef === undefined ? { rules: [] } : { roleRef, subjects: [] };
    const empty = { apiVersion, kind: kind.kind, metadata, ...content } as KubeObject;
    const object = await this.#send(kind, empty, live, { ...(signal && { signal }) });
    this.#live.wrote(kind, object);
    this.#onWrite(kind.kind, "changed");
    return true;
  }

  async #send<T extends KubeObject>(
    kind: Kind<T>,
    intent: KubeObject,
    live: T | undefined,
    o: { subresource?: "status"; signal?: AbortSignal },
  ): Promise<T> {
    const options = { fieldManager: this.#manager, force: true, ...o };
    try {
      return await this.#sendOnto(kind, intent, live, options);
    } catch (error) {
      if (live === undefined || o.subresource !== undefined || !isImmutable(error)) {
        this.#onWrite(kind.kind, "failed");
        throw error;
      }
      await this.#makeWay(kind, live, o.signal);
      return await this.#client.apply(kind, intent, options);
    }
  }

  /**
   * An intent with a resourceVersion is for that version only. When nothing but the status has changed since, it is sent again at once, for
   * the version that is there now: what it was made from is the same, and a withdrawal does not wait for an agent that reports meanwhile.
   */
  async #sendOnto<T extends KubeObject>(
    kind: Kind<T>,
    intent: KubeObject,
    live: T | undefined,
    options: { readonly fieldManager: string; readonly signal?: AbortSignal },
  ): Promise<T> {
    try {
      return await this.#client.apply(kind, intent, options);
    } catch (error) {
      const { resourceVersion } = intent.metadata;
      if (!isConflict(error) || resourceVersion === undefined || live?.metadata.resourceVersion !== resourceVersion) throw error;
      const now = await this.#client.find(kind, keyOf(intent), { signal: options.signal });
      if (now === undefined || !differsInStatusOnly(now, live)) throw error;
      const onto = { ...intent, metadata: { ...intent.metadata, resourceVersion: now.metadata.resourceVersion } } as KubeObject;
      return await this.#client.apply(kind, onto, options);
    }
  }

  async #makeWay(kind: Kind<KubeObject>, live: KubeObject, signal: AbortSignal | undefined): Promise<void> {
    this.#onWrite(kind.kind, "recreated");
    try {
      await this.#client.delete(kind, keyOf(live), { uid: live.metadata.uid, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #outcome(kind: Kind<KubeObject>, object: KubeObject, live: KubeObject | undefined): ApplyOutcome {
    if (live === undefined) {
      this.#onWrite(kind.kind, "created");
      return "created";
    }
    const same = object.metadata.resourceVersion === live.metadata.resourceVersion;
    this.#onWrite(kind.kind, same ? "noop" : "changed");
    return same ? "unchanged" : "changed";
  }
}

/** Differences that server-side apply either refuses (roleRef) or that make it ineffective (a controller overwrites aggregated rules). */
function cannotBeCorrected(intent: KubeObject, live: KubeObject): boolean {
  const [wanted, found] = [intent, live] as unknown as [RbacFields, RbacFields];
  if (!intent.apiVersion.startsWith("rbac.authorization.k8s.io/")) return false;
  if (wanted.roleRef !== undefined && (wanted.roleRef.name !== found.roleRef?.name || wanted.roleRef.kind !== found.roleRef?.kind))
    return true;
  return wanted.aggregationRule === undefined && found.aggregationRule !== undefined && found.aggregationRule !== null;
}

interface RbacFields {
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly aggregationRule?: unknown;
}

const idOf = (kind: { readonly apiVersion: string; readonly kind: string }, key: Key, subresource = ""): string =>
  `${kindString(kind)} ${keyString(key)} ${subresource}`;

/** Of one object at two times. */
function differsInStatusOnly(now: KubeObject, before: KubeObject): boolean {
  const essence = ({ metadata, ...rest }: KubeObject): unknown => {
    const { resourceVersion: _, managedFields: __, ...own } = metadata;
    return { ...rest, metadata: own, status: undefined };
  };
  return isDeepStrictEqual(essence(now), essence(before));
}

/** A cache that lags can hide a changed roleRef from us; the server's refusal names the field. */
function isImmutable(error: unknown): boolean {
  if (!isInvalid(error)) return false;
  const causes = ((error as ApiError).details as { causes?: { field?: string }[] } | undefined)?.causes ?? [];
  return causes.some(({ field }) => field === "roleRef");
}
