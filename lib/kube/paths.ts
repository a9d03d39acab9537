import type { Key, Kind, KubeObject } from "./object.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** "/api/v1/namespaces/x/secrets" or "/apis/<group>/<version>/…"; without a namespace, the collection over all namespaces. */
export function collectionPath(kind: Kind<KubeObject>, namespace?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  if (!kind.namespaced && namespace !== undefined)
    throw new Error(`${kind.kind} is not namespaced, but a namespace was given: ${namespace}`);
  return namespace === undefined ? `${root}/${kind.plural}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${kind.plural}`;
}

/** The path of one object, or of one of its subresources. */
export function objectPath(kind: Kind<KubeObject>, key: Key, subresource?: string): string {
  // An empty name would address the whole collection, and a DELETE would then delete all of it.
  if (key.name === "") throw new Error(`a ${kind.kind} needs a name`);
  if (kind.namespaced && !key.namespace) throw new Error(`${kind.kind} ${key.name} needs a namespace`);
  const path = `${collectionPath(kind, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** Appends the query's defined entries. */
export function withQuery(path: string, query: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value));
  const text = params.toString();
  return text === "" ? path : `${path}?${text}`;
}
