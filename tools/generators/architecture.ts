// The tables in docs/architecture.md: components, what agents may do on the hub, and every reconciler. The rest of the page is written by
// hand; each table is between `<!-- generated: <name> -->` and `<!-- end -->`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_ON_HUB, type AgentPermission } from "../../lib/components/agent-on-hub.ts";
import { COMPONENT_NAMES, COMPONENTS, type ComponentName } from "../../lib/components/components.ts";
import { root } from "../results.ts";
import { repositoryFiles } from "../source.ts";
import type { Generator } from "./file.ts";

const PAGE = "docs/architecture.md";

interface Named {
  readonly kind: string;
}

/** The parts of a reconciler that its row shows. `side`: the manager of an agent knows two API servers; "target" is its cluster. */
export interface DescribedReconciler {
  readonly name: string;
  readonly subject: Named;
  readonly watches: readonly { readonly kind: Named; readonly side?: string }[];
  readonly owns: {
    readonly conditions: readonly string[];
    readonly kinds: readonly Named[];
    readonly patches?: readonly { readonly kind: Named }[];
  };
}

export interface ReconcilersOf {
  readonly component: ComponentName;
  readonly reconcilers: readonly DescribedReconciler[];
}

export const architecture = (reconcilers: readonly ReconcilersOf[]): Generator => ({
  owns: [],
  files: () => {
    const tables = { components: components(), "agents on the hub": agentTable(), reconcilers: reconcilerTable(reconcilers, jobs()) };
    const page = readFileSync(join(root, PAGE), "utf8");
    return [{ path: PAGE, content: Object.entries(tables).reduce((text, [name, table]) => withTable(text, name, table), page) }];
  },
});

/** Throws when the page lacks the marks of the table. */
export function withTable(page: string, name: string, table: readonly string[]): string {
  const begin = `<!-- generated: ${name} -->\n`;
  const end = "<!-- end -->";
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(end, from);
  if (from < begin.length || to < 0) throw new Error(`${PAGE}: a line "${begin.trim()}" and a line "${end}" after it are missing`);
  return page.slice(0, from) + table.map((line) => `${line}\n`).join("") + page.slice(to);
}

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
const head = (titles: readonly string[]): readonly string[] => [row(titles), row(titles.map(() => "---"))];
const code = (text: string): string => `\`${text}\``;

const components = (): readonly string[] => [
  ...head(["Component", "Type", "What it does", "Entry"]),
  ...COMPONENT_NAMES.map((name) => {
    const { type, purpose, entry } = COMPONENTS[name];
    return row([code(name), type, purpose, code(entry)]);
  }),
];

export const agentTable = (table: readonly AgentPermission[] = AGENT_ON_HUB): readonly string[] => [
  ...head(["Kind", "Objects", "Read", "Patch"]),
  ...table.map(({ kind, name, read, patch }) => {
    const objects = name === undefined ? "all" : code(name);
    const reads = name === undefined ? "get, list, watch" : "get";
    const part = patch?.part === "status" ? "status" : "all but metadata, which a guard keeps";
    const patches = patch === undefined ? "–" : `${part}; at most ${patch.maxBytes / 1024} KiB at once`;
    return row([kind.kind, `${objects}${kind.namespaced ? " in its namespace" : " on the hub"}`, read ? reads : "–", patches]);
  }),
];

/** `jobs`: by name of the reconciler. Throws when a reconciler has no job, or a job has no reconciler in the lists. */
export function reconcilerTable(lists: readonly ReconcilersOf[], jobs: ReadonlyMap<string, string>): readonly string[] {
  const left = new Set(jobs.keys());
  const rows = lists.flatMap(({ component, reconcilers }) =>
    reconcilers.map(({ name, subject, watches, owns }) => {
      const job = jobs.get(name);
      if (job === undefined) throw new Error(`no file reconciler.ts begins with "// ${name}" and a sentence that says what it does`);
      left.delete(name);
      const watched = watches.map(({ kind, side }) => `${kind.kind}${side === "target" ? " in its cluster" : ""}`);
      const patched = (owns.patches ?? []).map(({ kind }) => `fields of ${kind.kind}`);
      const owned = [...owns.kinds.map(({ kind }) => kind), ...patched, ...owns.conditions.map(code)];
      return row([code(component), code(name), subject.kind, list(watched), list(owned), job]);
    }),
  );
  if (left.size > 0) throw new Error(`not among RECONCILERS in tools/generators/components.ts: ${[...left].join(", ")}`);
  return [...head(["Component", "Reconciler", "Subject", "Watches", "Owns", "Job"]), ...rows];
}

const list = (names: readonly string[]): string => [...new Set(names)].join(", ") || "–";

/** From the headers of all files called reconciler.ts. */
function jobs(): ReadonlyMap<string, string> {
  const files = repositoryFiles().filter((path) => path.endsWith("/reconciler.ts"));
  return new Map(files.flatMap((path) => jobsIn(readFileSync(join(root, path), "utf8"))));
}

/** The header's first line names the reconcilers of the file, separated by commas; the first sentence after it is their job. */
export function jobsIn(source: string): readonly (readonly [name: string, job: string])[] {
  const lines = source.split("\n");
  const length = lines.findIndex((line) => !line.startsWith("//"));
  const [names = "", ...rest] = lines.slice(0, length).map((line) => line.slice("//".length).trim());
  const job = /^.+?\.(?=\s|$)/.exec(rest.join(" "))?.[0];
  return job === undefined ? [] : names.split(", ").map((name) => [name, job]);
}
