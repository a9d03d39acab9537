// From the cached policies of the managed cluster to what the plan reads.
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";
import { UnreadableError } from "../../lib/reconcile/reader.ts";
import type { Guards } from "./guards.ts";
import type { Observed } from "./plan.ts";

/** In the order in which they are applied. */
export const KINDS: readonly Kind<KubeObject>[] = [ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding];

/** The pass fails when the policies could not be listed: a list that is not known must not look empty. */
export function observe(read: Reader, guards: Guards, isGivenUp: boolean): Observed {
  guards.observe(() => listed(read));
  return { live: list(read), isGivenUp };
}

const list = (read: Reader): readonly KubeObject[] => KINDS.flatMap((kind) => read.list(kind));

function listed(read: Reader): readonly KubeObject[] | undefined {
  try {
    return list(read);
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}
