// What an agent may ask of the hub through the public endpoint. Its Role says the same again; this list is what strangers with a
// stolen token of the hub meet first. Pure.
import { AGENT, clusterNamespace, GROUP } from "../../lib/access/names.ts";

const READ: readonly string[] = ["GET"];

/** `path`: from "/" on, with the query. */
export function mayAskHub(cluster: string, method: string, path: string): boolean {
  const own = clusterNamespace(cluster);
  const question = path.indexOf("?");
  const segments = (question < 0 ? path : path.slice(0, question)).split("/").slice(1);
  // Only what needs no decoding: none of the names below has an escape, so nothing can be spelled in two ways.
  if (!segments.every((segment) => /^[a-z0-9.-]+$/.test(segment))) return false;
  const [apis, group, version, ...rest] = segments;
  if (apis !== "apis") return false;
  if (group === "coordination.k8s.io" && version === "v1") return method === "PATCH" && matches(rest, ["namespaces", own, "leases", AGENT]);
  if (group !== GROUP || version !== "v1alpha1") return false;
  if (READ.includes(method) && (matches(rest, ["clusterroletemplates"]) || matches(rest, ["clusterroletemplates", ANY]))) return true;
  if (READ.includes(method) && (matches(rest, ["namespaces", own, "accesssets"]) || matches(rest, ["namespaces", own, "accesssets", ANY])))
    return true;
  if (method === "PATCH" && matches(rest, ["namespaces", own, "accesssets", ANY, "status"])) return true;
  return method === "PATCH" && matches(rest, ["namespaces", own, "clusterreports", AGENT, "status"]);
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

const ANY = Symbol("any name");

const matches = (segments: readonly string[], pattern: readonly (string | typeof ANY)[]): boolean =>
  segments.length === pattern.length && pattern.every((wanted, i) => wanted === ANY || wanted === segments[i]);
