// Which requests are long-running, as API servers define it: they last for as long as the client likes. All others end within a minute. Pure.

/** Path segments in front of the resource. */
const VERBS: ReadonlySet<string> = new Set(["proxy", "watch"]);
const SUBRESOURCES: ReadonlySet<string> = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** `path`: as the cluster gets it, with the query. */
export function isLongRunning(path: string, upgrade: string | undefined): boolean {
  if (upgrade !== undefined) return true;
  const question = path.indexOf("?");
  if (question >= 0 && asksToWatch(path.slice(question + 1))) return true;
  // API servers split a path after they have decoded it: an escaped slash separates as well.
  const [root, ...more] = decoded(question < 0 ? path : path.slice(0, question))
    .split("/")
    .filter((segment) => segment !== "");
  const rest = root === "api" ? more.slice(1) : root === "apis" ? more.slice(2) : [];
  if (rest[0] !== undefined && VERBS.has(rest[0])) return true;
  const [, , subresource] = rest[0] === "namespaces" ? rest.slice(2) : rest;
  return subresource !== undefined && SUBRESOURCES.has(subresource);
}

/** As API servers read a flag: whatever is not plainly false is true. */
function asksToWatch(query: string): boolean {
  const value = new URLSearchParams(query).get("watch");
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

function decoded(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
