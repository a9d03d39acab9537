// Whether applying an intent would change anything, decided from the live object alone. Pure.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ManagedFieldsEntry } from "../kube/object.ts";

/** A node of fieldsV1: "f:<field>", "k:<keys as JSON>", "v:<value as JSON>", "i:<index>"; "." is the node itself; {} is a leaf. */
type Fields = Readonly<Record<string, unknown>>;
type Fieldset = Readonly<Record<string, unknown>>;

/** Of metadata, these identify the object and are never managed fields. */
const IDENTITY = new Set(["name", "namespace", "uid", "resourceVersion"]);

/**
 * True when server-side apply of `intent` by `manager` would change nothing: every field of the intent is owned by this manager with
 * the same value, and the manager owns nothing that the intent no longer says. Ownership matters as much as values: who overwrote
 * a field owns it, also after writing our value back, and a field that we do not own would stay when we drop it from the intent.
 * When in doubt (a default inside an atomic list, a normalised quantity) the answer is false, and applying is harmless.
 */
export function isUndrifted(intent: KubeObject, live: KubeObject, manager: string, subresource?: string): boolean {
  const fields = content(intent);
  const owned = ownedBy(live.metadata.managedFields ?? [], manager, subresource);
  if (owned.length === 0) return Object.keys(fields).length === 0;
  const only = owned[0];
  return owned.length === 1 && only !== undefined && matches(fields, live, only);
}

/** The intent without what only names the object, and without undefined values, which JSON does not send. */
function content(intent: KubeObject): Fieldset {
  const { apiVersion: _, kind: __, metadata, ...rest } = intent as KubeObject & Fieldset;
  const own = Object.fromEntries(defined(metadata as unknown as Fieldset).filter(([name]) => !IDENTITY.has(name)));
  return Object.fromEntries(defined(Object.keys(own).length === 0 ? rest : { ...rest, metadata: own }));
}

function ownedBy(entries: readonly ManagedFieldsEntry[], manager: string, subresource: string | undefined): Fields[] {
  return entries
    .filter((entry) => entry.manager === manager && entry.operation === "Apply" && (entry.subresource || undefined) === subresource)
    .map((entry) => entry.fieldsV1 ?? {})
    .filter((fields) => Object.keys(fields).length > 0);
}

function matches(intent: unknown, live: unknown, fields: Fields): boolean {
  const paths = Object.entries(fields).filter(([path]) => path !== ".");
  if (paths.length === 0) return isSame(intent, live);
  if (Array.isArray(intent)) return Array.isArray(live) && matchesList(intent, live, paths);
  if (!isMap(intent) || !isMap(live)) return false;
  const wanted = defined(intent);
  return (
    wanted.length === paths.length &&
    wanted.every(([name, value]) => {
      const below = fields[`f:${name}`];
      return isMap(below) && matches(value, live[name], below);
    })
  );
}

/** A list whose items have identities: by keys ("k:") or by value ("v:"). The order of its items means nothing. */
function matchesList(intent: readonly unknown[], live: readonly unknown[], paths: readonly (readonly [string, unknown])[]): boolean {
  return (
    intent.length === paths.length &&
    paths.every(([path, below]) => {
      const identity: unknown = JSON.parse(path.slice(2));
      if (path.startsWith("v:")) return holds(intent, identity) && holds(live, identity);
      if (!path.startsWith("k:") || !isMap(identity) || !isMap(below)) return false;
      const wanted = intent.find((item) => hasKeys(item, identity));
      const found = live.find((item) => hasKeys(item, identity));
      return wanted !== undefined && found !== undefined && matches(wanted, found, below);
    })
  );
}

const holds = (list: readonly unknown[], value: unknown): boolean => list.some((item) => isDeepStrictEqual(item, value));
const hasKeys = (item: unknown, keys: Fieldset): boolean =>
  isMap(item) && Object.entries(keys).every(([name, value]) => isDeepStrictEqual(item[name], value));

/** A leaf: compared whole. The server leaves out what is empty, so empty and absent are the same. */
const isSame = (intent: unknown, live: unknown): boolean =>
  (isEmpty(intent) && isEmpty(live)) || isDeepStrictEqual(plain(intent), plain(live));

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : isMap(value) && defined(value).length === 0;
}

/** As it is after a trip through JSON: undefined members gone. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return isMap(value) ? Object.fromEntries(defined(value).map(([name, inner]) => [name, plain(inner)])) : value;
}

const isMap = (value: unknown): value is Fieldset => typeof value === "object" && value !== null && !Array.isArray(value);
const defined = (map: Fieldset): [string, unknown][] => Object.entries(map).filter(([, value]) => value !== undefined);

/** Whether RBAC goes by it. Also an object in deletion grants what it says. */
export function grants(object: KubeObject): boolean {
  const { subjects, rules } = object as KubeObject & { readonly subjects?: readonly unknown[]; readonly rules?: readonly unknown[] | null };
  return object.apiVersion.startsWith("rbac.authorization.k8s.io/") && (subjects ?? rules ?? []).length > 0;
}
