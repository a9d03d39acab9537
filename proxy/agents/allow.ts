// What an agent may ask of the hub through the public endpoint. Its Role says the same again; this list is what somebody with a
// stolen token of the hub meets first. Pure.
import { clusterNamespace } from "../../lib/access/names.ts";
import { AGENT_ON_HUB, type AgentPermission } from "../../lib/components/agent-on-hub.ts";

/** The permission that covers the request, if there is one. `path`: from "/" on, with the query. */
export function agentPermission(cluster: string, method: string, path: string, table = AGENT_ON_HUB): AgentPermission | undefined {
  const question = path.indexOf("?");
  const segments = (question < 0 ? path : path.slice(0, question)).split("/").slice(1);
  // Only what needs no decoding: no name in the table has an escape, so nothing can be spelled in two ways.
  if (!segments.every((segment) => /^[a-z0-9.-]+$/.test(segment))) return undefined;
  return table.find((permission) => covers(permission, cluster, method, segments));
}

function covers({ kind, name, read, patch }: AgentPermission, cluster: string, method: string, segments: readonly string[]): boolean {
  const collection = [
    ...(kind.apiVersion.includes("/") ? ["apis", ...kind.apiVersion.split("/")] : ["api", kind.apiVersion]),
    ...(kind.namespaced ? ["namespaces", clusterNamespace(cluster)] : []),
    kind.plural,
  ];
  if (!collection.every((segment, index) => segment === segments[index])) return false;
  const [object, ...subresource] = segments.slice(collection.length);
  if (name !== undefined && object !== name) return false;
  if (method === "GET") return read === true && subresource.length === 0;
  if (method !== "PATCH" || patch === undefined || object === undefined) return false;
  return patch.part === "status" ? subresource.length === 1 && subresource[0] === "status" : subresource.length === 0;
}

/**
 * Whether an agent's PATCH is a JSON merge patch, as all of its own are. Others add to what is there: each server-side apply with another field
 * manager leaves an entry in managedFields, a JSON patch appends to that list, and small requests would make an object as large as etcd takes.
 * `headers`: name, value, name, value …
 */
export function isMergePatch(headers: readonly string[]): boolean {
  const types = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === "content-type");
  return types.length === 1 && /^application\/merge-patch\+json *(;|$)/i.test(types[0] ?? "");
}
