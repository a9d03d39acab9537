import type { KubeClient } from "../kube/client.ts";
import type { Log } from "../kube/log.ts";
import type { Effect, Reader } from "./contract.ts";

/** What an executor may use. The client is fenced: it refuses to write once the lease may have passed. */
export interface EffectContext {
  readonly client: KubeClient;
  readonly read: Reader;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Carries out one effect; must be safe to repeat, because whether it took place is only seen at the next observation. */
export type Executor<E extends Effect> = { run(effect: E, context: EffectContext): Promise<void> }["run"];

/** One executor for each type of effect; `EffectTable<MintToken | RunDriver>` makes the compiler check that none is missing. */
export type EffectTable<E extends Effect = Effect> = { readonly [Type in E["type"]]: Executor<Extract<E, { readonly type: Type }>> };
