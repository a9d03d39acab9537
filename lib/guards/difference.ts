// Whether policies are what lib/guards writes: compares what the API server evaluates, the specs themselves. Who owns which field is not asked,
// because whoever may write a policy may write its managedFields too (docs/decisions/0022-one-mechanism-for-guards.md). Pure.
import { createHash } from "node:crypto";
import type { KubeObject } from "../kube/object.ts";

/** One policy or binding that is not as written. */
export interface Difference {
  readonly wanted: KubeObject;
  /**
   * "extended": a field or an item is there that nobody at Drover wrote. Server-side apply leaves it alone, so only making the object anew
   * takes it out. "changed": applying the object corrects it. "absent": it does not exist, or is being deleted.
   */
  readonly is: "absent" | "changed" | "extended";
  /** Says which object it is, and at which fields it differs. */
  readonly message: string;
}

/** Empty when every policy and binding is what it has to be. `live`: the objects of these two kinds; others among them do not count. */
export function differences(wanted: readonly KubeObject[], live: readonly KubeObject[]): readonly Difference[] {
  const found = byId(live);
  return wanted.flatMap((one): Difference[] => {
    const object = found.get(idOf(one));
    if (!object || object.metadata.deletionTimestamp) return [{ wanted: one, is: "absent", message: `${idOf(one)} does not exist` }];
    const fields = compare(specOf(object), specOf(one), "spec");
    if (fields.length === 0) return [];
    const message = `${idOf(one)} was changed: ${fields.map(({ path }) => path).join(", ")}`;
    return [{ wanted: one, is: fields.some(({ added }) => added) ? "extended" : "changed", message }];
  });
}

/** Which objects the guards are, and how often the spec of each was changed: another text after anything happened to any of them. */
export function versionOf(wanted: readonly KubeObject[], live: readonly KubeObject[]): string {
  const found = byId(live);
  return wanted
    .map((one) => found.get(idOf(one))?.metadata)
    .map((metadata) => `${metadata?.uid} ${metadata?.generation}`)
    .join("\n");
}

/** The same as a short text, to be kept. */
export const fingerprint = (version: string): string => createHash("sha256").update(version).digest("hex");

interface Field {
  readonly path: string;
  /** Present, though not wanted. */
  readonly added: boolean;
}

/**
 * The fields at which `live` differs from `wanted`. Guards are written with all defaults, so the API server adds none. Only own properties
 * count: an item may be named `constructor`.
 */
function compare(live: unknown, wanted: unknown, path: string): readonly Field[] {
  if (Array.isArray(wanted)) return compareLists(live, wanted, path);
  const changed = [{ path, added: false }];
  if (!isMap(wanted)) return live === wanted ? [] : changed;
  if (!isMap(live)) return changed;
  return [
    ...Object.entries(wanted).flatMap(([key, value]) => compare(Object.hasOwn(live, key) ? live[key] : undefined, value, `${path}.${key}`)),
    ...Object.keys(live).flatMap((key) => (Object.hasOwn(wanted, key) ? [] : [{ path: `${path}.${key}`, added: true }])),
  ];
}

function compareLists(live: unknown, wanted: readonly unknown[], path: string): readonly Field[] {
  const changed = [{ path, added: false }];
  if (!Array.isArray(live)) return changed;
  // A set to which others may have added auditing: what matters is that it denies.
  if (path === ACTIONS) return wanted.every((action) => live.includes(action)) ? [] : changed;
  if (KEYED.has(path)) {
    const named = byName(live);
    return Object.keys(named).length < live.length ? [{ path, added: true }] : compare(named, byName(wanted), path);
  }
  // An atomic list, which server-side apply replaces as a whole.
  return live.length === wanted.length && wanted.every((value, i) => compare(live[i], value, path).length === 0) ? [] : changed;
}

const ACTIONS = "spec.validationActions";
/** Lists that server-side apply merges by name, so that others can add items. Their order means nothing. */
const KEYED: ReadonlySet<string> = new Set(["spec.matchConditions", "spec.variables"]);

const byName = (items: readonly unknown[]): object => Object.fromEntries(items.map((item) => [(item as { name?: string }).name, item]));
const byId = (objects: readonly KubeObject[]): ReadonlyMap<string, KubeObject> => new Map(objects.map((object) => [idOf(object), object]));
const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const specOf = (object: KubeObject): unknown => (object as KubeObject & { readonly spec?: unknown }).spec;
const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
