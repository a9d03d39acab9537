// What a request's path asks for. The cluster's name is read once, here; everything after it goes on byte for byte.
import { isShortName } from "../../crds/v1alpha1/names.ts";

export type Target =
  | { readonly is: "cluster"; readonly cluster: string /** From "/" on, with the query. */; readonly path: string }
  | { readonly is: "tunnel"; readonly cluster: string }
  | { readonly is: "hub"; readonly cluster: string; readonly path: string }
  | { readonly is: "nowhere" }
  | { readonly is: "malformed"; readonly reason: string };

const PRINTABLE = /^[\x21-\x7e]+$/;
const ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** The part up to the cluster's name has only characters that cannot be read as others. */
const PLAIN_PREFIX = /^\/(?:clusters|agents)(?:\/[^/]*)?$/;
/** How often a path is decoded in search of dot segments: servers decode once, careless servers behind them twice. */
const DECODINGS = 3;

/** `url`: the request target as the client sent it. */
export function parseTarget(url: string): Target {
  if (!url.startsWith("/")) return malformed("it must begin with a slash");
  if (!PRINTABLE.test(url)) return malformed("it holds characters that must be percent-encoded");
  if (url.includes("#")) return malformed("it holds a fragment");
  const question = url.indexOf("?");
  const path = question < 0 ? url : url.slice(0, question);
  const query = question < 0 ? "" : url.slice(question);
  const oddity = oddityOf(path);
  if (oddity !== undefined) return malformed(oddity);
  return split(path, query);
}

function split(path: string, query: string): Target {
  const second = path.indexOf("/", 1);
  const area = second < 0 ? path : path.slice(0, second);
  if (area !== "/clusters" && area !== "/agents") {
    // Another spelling of the two is refused and not unknown, because a program on the way may have read it as one of them.
    const reading = decoded(path)?.replaceAll("\\", "/").replace(/^\/+/, "/").toLowerCase() ?? "";
    return PLAIN_PREFIX.test(reading.split("/", 3).join("/")) ? malformed("write /clusters/<name>/… plainly") : { is: "nowhere" };
  }
  if (second < 0) return { is: "nowhere" };
  const third = path.indexOf("/", second + 1);
  const cluster = third < 0 ? path.slice(second + 1) : path.slice(second + 1, third);
  if (!isShortName(cluster)) return malformed("what stands for the cluster is no cluster's name");
  const rest = third < 0 ? "" : path.slice(third);
  if (rest.startsWith("//")) return malformed("the cluster's name is followed by two slashes");
  if (area === "/clusters") return { is: "cluster", cluster, path: (rest === "" ? "/" : rest) + query };
  if (rest === "/tunnel" && query === "") return { is: "tunnel", cluster };
  if (rest.startsWith("/hub/")) return { is: "hub", cluster, path: rest.slice("/hub".length) + query };
  return { is: "nowhere" };
}

/** What must stand nowhere in a path, however it is written; undefined when there is nothing of it. */
function oddityOf(path: string): string | undefined {
  if (ESCAPE.test(path)) return "it holds a percent sign that begins no escape";
  let reading = path;
  for (let i = 0; i < DECODINGS; i++) {
    if (hasDotSegment(reading)) return "it holds a dot segment";
    if (!reading.includes("%")) return undefined;
    const next = decoded(reading);
    // Only the first decoding must succeed: a literal percent sign may well be followed by anything.
    if (next === undefined) return i === 0 ? "it holds an escape that is no UTF-8" : undefined;
    if (next.includes("\0")) return "it holds NUL";
    reading = next;
  }
  return hasDotSegment(reading) ? "it holds a dot segment" : undefined;
}

/** "." or "..", between slashes of either kind; some servers cut a segment at its semicolon first. */
function hasDotSegment(path: string): boolean {
  if (!path.includes(".")) return false;
  return path.split(/[/\\]/).some((segment) => {
    const name = segment.split(";", 1)[0];
    return name === "." || name === "..";
  });
}

/** undefined for what is no UTF-8: decodeURIComponent refuses overlong forms and halves of surrogates. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const malformed = (reason: string): Target => ({ is: "malformed", reason });
