// One reconciler's finalizer on its subjects. Others write the same list at the same time, and each of their status writes makes the version
// that we looked at an old one: neither is a reason to fail, and what is not ours is never touched.
import { isConflict, isInvalid, isNotFound, type KubeClient } from "../kube/client.ts";
import { type Kind, type KubeObject, keyOf } from "../kube/object.ts";

/** Each conflict is somebody else's write that succeeded; so many in a row are not contention. */
const MOST_CONFLICTS = 20;

export class Finalizer {
  readonly name: string;
  readonly #client: KubeClient;
  readonly #kind: Kind<KubeObject>;

  constructor(name: string, kind: Kind<KubeObject>, client: KubeClient) {
    this.name = name;
    this.#kind = kind;
    this.#client = client;
  }

  isOn({ metadata }: KubeObject): boolean {
    return metadata.finalizers?.includes(this.name) ?? false;
  }

  /**
   * Server-side apply of a set with one element adds that element. Its field manager has no other field: one that also applies other
   * fields of the subject would take the finalizer off with them.
   * @returns the subject as it is then; undefined when it is no longer there, or going: a finalizer comes too late
   */
  async hold(subject: KubeObject, signal: AbortSignal): Promise<KubeObject | undefined> {
    const { apiVersion, kind, metadata } = subject;
    // With the uid nothing is ever made by this, nor taken for the subject what only has its name.
    const intent = { apiVersion, kind, metadata: { ...keyOf(subject), ...withUid(metadata.uid), finalizers: [this.name] } };
    try {
      return await this.#client.apply(this.#kind, intent, { fieldManager: this.name, signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) && !isInvalid(error)) throw error;
      const now = await this.#client.find(this.#kind, keyOf(subject), { signal });
      if (now?.metadata.uid === metadata.uid && now?.metadata.deletionTimestamp === undefined) throw error;
      return undefined;
    }
  }

  /**
   * The list as it was looked at, without ours, in place of that very version: there is no other way to take off what may have been put there
   * under any name. When somebody was quicker, the server is asked what it is now.
   * @returns the subject as the server showed it after that, for the last time if nothing holds it any more; undefined when it was not there
   */
  async release(subject: KubeObject, signal: AbortSignal): Promise<KubeObject | undefined> {
    let now: KubeObject | undefined = subject;
    for (let conflicts = 0; ; ) {
      if (now === undefined || now.metadata.uid !== subject.metadata.uid || !this.isOn(now)) return undefined;
      const { resourceVersion, finalizers = [] } = now.metadata;
      const patch = { metadata: { resourceVersion, finalizers: finalizers.filter((name) => name !== this.name) } };
      try {
        return await this.#client.patch(this.#kind, keyOf(subject), patch, { type: "merge", fieldManager: this.name, signal });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        if (!isConflict(error) || ++conflicts > MOST_CONFLICTS) throw error;
      }
      now = await this.#client.find(this.#kind, keyOf(subject), { signal });
    }
  }
}

const withUid = (uid: string | undefined): { readonly uid?: string } => (uid === undefined ? {} : { uid });

/** Whether the subject stays when the finalizer `own` goes. */
export const isHeldByOthers = ({ metadata }: KubeObject, own: string): boolean => (metadata.finalizers ?? []).some((name) => name !== own);
