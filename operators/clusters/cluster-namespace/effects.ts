// Takes finalizers off Drover's own objects that are deleted with their namespace.
import { isNotFound } from "../../../lib/kube/client.ts";
import type { EffectContext } from "../../../lib/reconcile/effects.ts";
import { OWN_OBJECTS } from "./observe.ts";
import type { RemoveFinalizers } from "./plan.ts";

export async function removeFinalizers({ subject, from }: RemoveFinalizers, { client, log, signal }: EffectContext): Promise<void> {
  for (const { kind, name, namespace, uid, finalizers } of from) {
    const definition = OWN_OBJECTS.find((own) => own.kind === kind);
    if (definition === undefined) throw new Error(`finalizers are not taken off objects of kind ${kind}`);
    try {
      // Nobody can add a finalizer to an object that is being deleted, so only these are lost.
      await client.patch(definition, { name, namespace }, { metadata: { uid, finalizers: null } }, { type: "merge", signal });
      log.warn("finalizers removed", { cluster: subject.name, object: `${kind} ${namespace}/${name}`, finalizers: finalizers.join(", ") });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
