// What a request asks of an API server, read from its method and path by the rules of Kubernetes (apiserver's RequestInfoFactory):
// so a SubjectAccessReview about it asks exactly what the API server asked when the request began.

export interface RequestInfo {
  readonly verb: string;
  /** "" in a request about a path. */
  readonly resource: string;
  readonly group: string;
  readonly version: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Set for a request that is about no resource. */
  readonly path?: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
/** Path segments that stand before the resource and name the verb. */
const VERB_SEGMENTS: ReadonlySet<string> = new Set(["proxy", "watch"]);
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);
const LONG_SUBRESOURCES: ReadonlySet<string> = new Set(["attach", "exec", "proxy", "log", "portforward"]);

/** `target`: the path as it goes over the wire, with its query. */
export function requestInfo(method: string, target: string): RequestInfo {
  const at = target.indexOf("?");
  const path = decoded(at < 0 ? target : target.slice(0, at));
  const query = new URLSearchParams(at < 0 ? "" : target.slice(at + 1));
  const parts = path.split("/").filter((part) => part !== "");
  const [root, ...rest] = parts;
  if (root === "api" && rest.length >= 2) return resourceRequest(method, "", rest, query, path);
  if (root === "apis" && rest.length >= 3) return resourceRequest(method, rest[0] ?? "", rest.slice(1), query, path);
  return { verb: method.toLowerCase(), resource: "", group: "", version: "", subresource: "", namespace: "", name: "", path };
}

/** Whether a request may stay open for long, as the API server decides: watches, proxies, logs, exec, attach, port-forward. */
export function isLongRunning(info: RequestInfo): boolean {
  return info.path === undefined && (info.verb === "watch" || info.verb === "proxy" || LONG_SUBRESOURCES.has(info.subresource));
}

/** `parts`: the version, then the rest of the path. */
function resourceRequest(method: string, group: string, parts: readonly string[], query: URLSearchParams, path: string): RequestInfo {
  const [version = "", ...rest] = parts;
  let verb = VERBS[method] ?? "";
  let segments = rest;
  if (VERB_SEGMENTS.has(segments[0] ?? "")) {
    verb = segments[0] ?? "";
    segments = segments.slice(1);
  }
  if (segments.length === 0)
    return { verb: method.toLowerCase(), resource: "", group: "", version: "", subresource: "", namespace: "", name: "", path };
  let namespace = "";
  if (segments[0] === "namespaces" && segments.length > 1) {
    namespace = segments[1] ?? "";
    // A namespace's own subresources, not things inside it.
    if (segments.length > 2 && !NAMESPACE_SUBRESOURCES.has(segments[2] ?? "")) segments = segments.slice(2);
  }
  const [resource = "", name = "", subresource = ""] = segments;
  const info = { group, version, resource, namespace, subresource: verb === "proxy" ? "" : subresource, name, verb };
  if (name !== "" || (verb !== "get" && verb !== "delete" && verb !== "watch")) return info;
  if (verb === "delete") return { ...info, verb: "deletecollection" };
  const selected = selectedName(query.get("fieldSelector"));
  return { ...info, verb: verb === "watch" || isTrue(query, "watch") ? "watch" : "list", name: selected };
}

function selectedName(fieldSelector: string | null): string {
  const match = fieldSelector?.match(/(?:^|,)metadata\.name==?([^,]+)(?:,|$)/);
  return match?.[1] ?? "";
}

/** As the API server reads booleans in a query: present counts as true, unless it says otherwise. */
function isTrue(query: URLSearchParams, key: string): boolean {
  const value = query.get(key);
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
