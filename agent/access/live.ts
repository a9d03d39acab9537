import type { Key, Kind, KubeObject } from "../../lib/kube/object.ts";
import { Live } from "../../lib/reconcile/live.ts";

/**
 * For caches that hold only objects with our label. What is in them is known without asking; what is not may still exist, squatted without
 * our label, so the server is asked before it is made.
 */
export class KnownLive extends Live {
  override async find<T extends KubeObject>(kind: Kind<T>, key: Key, signal?: AbortSignal): Promise<T | undefined> {
    return this.peek(kind, key) ?? (await super.find(kind, key, signal));
  }
}
