// Whether somebody added to a policy what server-side apply leaves alone because it is not ours: one more match condition
// is enough to make a policy look away. Pure.
import type { KubeObject } from "../../lib/kube/object.ts";

type Fields = Readonly<Record<string, unknown>>;

/** True when others own fields of the spec that `manager` does not own. Status, and fields that both say alike, do not count. */
export function hasForeignSpec(live: KubeObject, manager: string): boolean {
  const entries = (live.metadata.managedFields ?? []).filter(({ subresource }) => !subresource);
  const specOf = (fields: Fields | undefined): Fields => (fields?.["f:spec"] ?? {}) as Fields;
  const ours = specOf(entries.find((entry) => entry.manager === manager && entry.operation === "Apply")?.fieldsV1);
  return entries.some((entry) => entry.manager !== manager && addsTo(specOf(entry.fieldsV1), ours));
}

function addsTo(theirs: Fields, ours: Fields): boolean {
  return Object.entries(theirs).some(([path, below]) => {
    if (path === ".") return false;
    const own = ours[path];
    if (own === undefined) return true;
    // A leaf of ours is ours as a whole.
    const inner = Object.keys(own as Fields).length === 0;
    return !inner && addsTo(below as Fields, own as Fields);
  });
}
