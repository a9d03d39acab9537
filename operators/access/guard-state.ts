// Whether the hub's guards stand as they were written: pure, over what was read. That they are in force is found out by probing.
import { createHash } from "node:crypto";
import type { Gap } from "../../lib/access/guard-history.ts";
import { hubGuards } from "../../lib/guards/bundle.ts";
import type { KubeObject } from "../../lib/kube/object.ts";

/** What is known about the hub's own admission policies. Only while it is "Enforced" may anything new be granted. */
export type GuardState = ({ readonly is: "Enforced" } | { readonly is: "Missing" | "Unknown"; readonly because: string }) & {
  /** When they were not in force, as far as it is remembered. */
  readonly gaps?: readonly Gap[];
};

/** Which objects the guards are, and how often each was changed: a text that is another one after anything happened to any of them. */
export function fingerprint(live: readonly KubeObject[]): string {
  const found = new Map(live.map((object) => [idOf(object), object]));
  const all = WANTED.map((wanted) => found.get(idOf(wanted))?.metadata).map((metadata) => `${metadata?.uid} ${metadata?.generation}`);
  return createHash("sha256").update(all.join("\n")).digest("hex");
}

const WANTED = hubGuards();

/** What is missing or changed, in words; empty when every policy and binding says what it has to say. */
export function guardFaults(live: readonly KubeObject[]): readonly string[] {
  const found = new Map(live.map((object) => [idOf(object), object]));
  return WANTED.flatMap((wanted) => {
    const object = found.get(idOf(wanted));
    if (!object || object.metadata.deletionTimestamp) return [`${idOf(wanted)} does not exist`];
    return says(specOf(object), specOf(wanted)) ? [] : [`${idOf(wanted)} was changed`];
  });
}

/** The fields of which the API server fills in a default when nothing is written. Any other additional field would narrow the guard. */
const DEFAULTS: Readonly<Record<string, unknown>> = { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {}, scope: "*" };

function says(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(live) && live.length === wanted.length && wanted.every((value, i) => says(live[i], value));
  }
  if (!isMap(wanted)) return live === wanted;
  if (!isMap(live)) return false;
  const more = Object.keys(live).filter((key) => !(key in wanted));
  return (
    Object.entries(wanted).every(([key, value]) => (key === ACTIONS ? includes(live[key], value) : says(live[key], value))) &&
    more.every((key) => key in DEFAULTS && JSON.stringify(live[key]) === JSON.stringify(DEFAULTS[key]))
  );
}

/** A set to which others may have added auditing or warning: what matters is that it denies. */
const ACTIONS = "validationActions";
const includes = (live: unknown, wanted: unknown): boolean =>
  Array.isArray(live) && Array.isArray(wanted) && wanted.every((action) => live.includes(action));

const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const specOf = (object: KubeObject): unknown => (object as KubeObject & { readonly spec?: unknown }).spec;
const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
