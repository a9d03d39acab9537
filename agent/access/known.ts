// What the agent goes by: the sets and templates as last known. Absence of data is never an order, and neither is data from the past:
// a set goes only when the index no longer lists it, a template only when no set names it, and nothing older ever replaces something newer.
import { CLUSTER_SET } from "../../lib/access/names.ts";
import type { KnownSet } from "../../lib/access/render.ts";
import type { KnownTemplate } from "../../lib/access/render-rules.ts";

export interface SeenSet extends KnownSet {
  readonly epoch: number;
  /** On the set `cluster` only: names of all sets, and whether the cluster is being given up. */
  readonly index?: { readonly sets: readonly string[]; readonly teardown: boolean };
}

export interface SeenTemplate extends KnownTemplate {
  readonly uid: string;
  readonly generation: number;
}

/** Serialised as it stands into the agent's own copy. */
export interface Known {
  readonly sets: Readonly<Record<string, SeenSet>>;
  readonly templates: Readonly<Record<string, SeenTemplate>>;
}

export const NOTHING: Known = { sets: {}, templates: {} };

export interface Advanced {
  readonly known: Known;
  /** Sets whose epoch went back: what is applied stays, and they are reported. */
  readonly wentBack: readonly string[];
  /** What people should know, sorted. */
  readonly problems: readonly string[];
}

/** What is known after a look at the hub. `sets` and `templates`: all that the hub's caches hold now. */
export function advance(known: Known, sets: readonly SeenSet[], templates: readonly SeenTemplate[]): Advanced {
  const seen = new Map(sets.map((set) => [set.name, set]));
  const problems: string[] = [];
  const wentBack: string[] = [];
  const newer = (name: string): SeenSet | undefined => {
    const [before, now] = [known.sets[name], seen.get(name)];
    if (now === undefined || before === undefined || now.epoch >= before.epoch) return now ?? before;
    wentBack.push(name);
    problems.push(`AccessSet ${name} went back from epoch ${before.epoch} to ${now.epoch}: kept as it was`);
    return before;
  };
  const index = newer(CLUSTER_SET);
  if (!seen.has(CLUSTER_SET)) problems.push(`AccessSet ${CLUSTER_SET}, the index, is missing on the hub: everything is kept as it was`);
  const kept: Record<string, SeenSet> = {};
  for (const name of listed(index)) {
    const set = name === CLUSTER_SET ? index : newer(name);
    if (set !== undefined) kept[name] = set;
  }
  return { known: { sets: kept, templates: knownTemplates(known, kept, templates, problems) }, wentBack, problems: problems.sort() };
}

/** True when the hub has given the cluster up: everything of ours is to go. */
export const isTeardown = (known: Known): boolean => known.sets[CLUSTER_SET]?.index?.teardown === true;

function listed(index: SeenSet | undefined): readonly string[] {
  return index === undefined ? [] : [...new Set([CLUSTER_SET, ...(index.index?.sets ?? [])])].sort();
}

/** A template that vanished is kept as long as a set names it: the hub takes it out of the sets when its end is meant. */
function knownTemplates(known: Known, sets: Known["sets"], seen: readonly SeenTemplate[], problems: string[]): Known["templates"] {
  const named = new Set(Object.values(sets).flatMap((set) => set.bindings.map((binding) => binding.template)));
  const now = new Map(seen.map((template) => [template.name, template]));
  const kept: Record<string, SeenTemplate> = {};
  for (const name of [...named].sort()) {
    const [before, current] = [known.templates[name], now.get(name)];
    const template = current !== undefined && before !== undefined && isOlder(current, before) ? before : (current ?? before);
    if (template !== undefined) kept[name] = template;
    if (template !== current && current === undefined) problems.push(`ClusterRoleTemplate ${name} is missing on the hub: kept as it was`);
    if (template !== current && current !== undefined)
      problems.push(`ClusterRoleTemplate ${name} went back to an earlier generation: kept as it was`);
  }
  return kept;
}

const isOlder = (now: SeenTemplate, before: SeenTemplate): boolean => now.uid === before.uid && now.generation < before.generation;
