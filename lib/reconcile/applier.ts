import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type ApiError, isConflict, isInvalid, isNotFound, type KubeClient } from "../kube/client.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../kube/object.ts";
import { isUndrifted } from "./drift.ts";
import { type CacheLookup, kindString, Live } from "./live.ts";

/** What came of one intent. "unchanged": nothing was sent, or the server found nothing to change. */
export type ApplyOutcome = "created" | "changed" | "unchanged";

export interface Applied<T extends KubeObject> {
  readonly object: T;
  readonly outcome: ApplyOutcome;
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

/** How many objects an applier remembers having sent; forgetting costs a request that changes nothing. */
const REMEMBERED = 100_000;

/**
 * Server-side apply that sends nothing when nothing would change, for one field manager. What apply cannot mend (another roleRef,
 * a foreign aggregationRule) is deleted and made anew.
 */
export class Applier {
  readonly #client: KubeClient;
  readonly #manager: string;
  readonly #live: Live;
  readonly #onWrite: NonNullable<ApplierOptions["onWrite"]>;
  /** What was sent last and the version it led to: answers for values that the server writes differently (defaults, quantities). */
  readonly #sent = new Map<string, { readonly intent: string; readonly resourceVersion: string | undefined }>();
  /** UIDs of objects whose deletion was asked for, until they are seen gone. */
  readonly #removed = new Map<string, string>();

  constructor({ client, fieldManager, cacheOf = () => undefined, live = new Live(client, cacheOf), onWrite = () => {} }: ApplierOptions) {
    this.#client = client;
    this.#manager = fieldManager;
    this.#live = live;
    this.#onWrite = onWrite;
  }

  /** Makes the fields of `intent` true on the server. Throws what the client throws. */
  async apply<T extends KubeObject>(
    kind: Kind<T>,
    intent: KubeObject,
    o: { subresource?: "status"; signal?: AbortSignal } = {},
  ): Promise<Applied<T>> {
    const live = await this.#live.find(kind, keyOf(intent), o.signal);
    const id = `${kindString(kind)} ${keyString(keyOf(intent))} ${o.subresource ?? ""}`;
    const digest = hash("sha1", JSON.stringify(intent));
    if (live !== undefined) {
      const sent = this.#sent.get(id);
      const asSent = sent !== undefined && sent.intent === digest && sent.resourceVersion === live.metadata.resourceVersion;
      // First of all: what is wrong with it may lie in fields that the intent does not have, and so cannot have drifted.
      const spoilt = cannotBeMended(intent, live);
      if (!spoilt && (asSent || isUndrifted(intent, live, this.#manager, o.subresource))) return { object: live, outcome: "unchanged" };
      if (spoilt) await this.#makeWay(kind, live, o.signal);
    }
    const object = await this.#send(kind, intent, live, o);
    if (this.#sent.size >= REMEMBERED) this.#sent.clear();
    this.#sent.set(id, { intent: digest, resourceVersion: object.metadata.resourceVersion });
    this.#live.wrote(kind, object);
    return { object, outcome: this.#outcome(kind, object, live) };
  }

  /**
   * Deletes the object if it is there and not already going. With a uid (or when one is known from what was watched) only that very object.
   * True when a deletion was asked for.
   */
  async remove(kind: Kind<KubeObject>, ref: Key & { readonly uid?: string }, o: { signal?: AbortSignal } = {}): Promise<boolean> {
    const id = `${kindString(kind)} ${keyString(ref)}`;
    const live = await this.#live.find(kind, ref, o.signal);
    if (live === undefined || live.metadata.uid !== this.#removed.get(id)) this.#removed.delete(id);
    if (live === undefined || live.metadata.deletionTimestamp !== undefined || this.#removed.has(id)) return false;
    // Another object of the same name than the one that was meant: leave it.
    if (ref.uid !== undefined && ref.uid !== live.metadata.uid) return false;
    try {
      await this.#client.delete(kind, ref, { uid: live.metadata.uid, signal: o.signal });
      if (live.metadata.uid !== undefined) this.#removed.set(id, live.metadata.uid);
      this.#onWrite(kind.kind, "deleted");
    } catch (error) {
      if (isNotFound(error)) return false;
      this.#onWrite(kind.kind, "failed");
      throw error;
    }
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
function cannotBeMended(intent: KubeObject, live: KubeObject): boolean {
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
