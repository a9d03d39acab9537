// What the agent goes by: the sets and templates as last known. Absence of data is never an order, and neither is data from the past:
// a set goes only when the index no longer lists it, a template only when no set names it, and only what goes on from what is known
// replaces it (takeover.ts).
import type { Version } from "../../lib/access/lineage.ts";
import { CLUSTER_SET } from "../../lib/access/names.ts";
import type { CompiledSet } from "../../lib/access/render.ts";
import type { FlattenedTemplate } from "../../lib/access/render-rules.ts";
import { reduceSet, reduceTemplate, withoutGrants } from "./reduce.ts";
import { latestEpoch, type Offered, showsRestore, type Taken, takeOver, withdrawn } from "./takeover.ts";

export interface SeenSet extends CompiledSet, Offered {
  /** On the set `cluster` only: names of all sets, and whether the cluster is being given up. */
  readonly index?: { readonly sets: readonly string[]; readonly teardown: boolean };
}

export interface SeenTemplate extends FlattenedTemplate, Offered {}

/** Serialised as it stands into the agent's own copy. */
export interface Known {
  readonly sets: Readonly<Record<string, Taken<SeenSet>>>;
  readonly templates: Readonly<Record<string, Taken<SeenTemplate>>>;
}

export const NOTHING: Known = { sets: {}, templates: {} };

/** Of sets and of templates, by name: the version that was known last. */
export interface Versions {
  readonly sets: Readonly<Record<string, Version>>;
  readonly templates: Readonly<Record<string, Version>>;
}

export const forgotten = ({ sets, templates }: Known): Versions => ({ sets: versionsOf(sets), templates: versionsOf(templates) });

/** Whether what the hub says may be taken over by an agent that has forgotten what it knew: all of it goes on from that. */
export const goesOn = (from: Versions, sets: readonly SeenSet[], templates: readonly SeenTemplate[]): boolean =>
  sets.every((set) => follows(from.sets[set.name], set)) && templates.every((template) => follows(from.templates[template.name], template));

export interface Advanced {
  readonly known: Known;
  /** Kind and name of what does not go on from what was known, because the hub was restored. Sorted. */
  readonly restored: readonly string[];
  /** What people should know, sorted. */
  readonly problems: readonly string[];
}

export const setObject = (name: string): string => `AccessSet ${name}`;
export const templateObject = (name: string): string => `ClusterRoleTemplate ${name}`;

/** What is known after a look at the hub. `sets` and `templates`: all that the hub's caches hold now. */
export function advance(known: Known, sets: readonly SeenSet[], templates: readonly SeenTemplate[]): Advanced {
  return new Look(known, sets, templates).advance();
}

/** True when the hub has given the cluster up: everything of ours is to go. */
export const isTeardown = (known: Known): boolean => known.sets[CLUSTER_SET]?.index?.teardown === true;

class Look {
  readonly #known: Known;
  readonly #sets: ReadonlyMap<string, SeenSet>;
  readonly #templates: ReadonlyMap<string, SeenTemplate>;
  readonly #suspicious: boolean;
  readonly #restored: string[] = [];
  readonly #problems: string[] = [];

  constructor(known: Known, sets: readonly SeenSet[], templates: readonly SeenTemplate[]) {
    this.#known = known;
    this.#sets = new Map(sets.map((set) => [set.name, set]));
    this.#templates = new Map(templates.map((template) => [template.name, template]));
    this.#suspicious = shows(known.sets, this.#sets) || shows(known.templates, this.#templates);
  }

  advance(): Advanced {
    if (!this.#sets.has(CLUSTER_SET)) {
      this.#problems.push(`AccessSet ${CLUSTER_SET}, the index, is missing on the hub: everything is kept as it was`);
    }
    const index = this.#set(CLUSTER_SET);
    const sets: Record<string, Taken<SeenSet>> = {};
    for (const name of listed(index)) {
      const set = name === CLUSTER_SET ? index : this.#set(name);
      if (set !== undefined) sets[name] = set;
    }
    if (this.#restored.length > 0) this.#remember(sets);
    return {
      known: { sets, templates: this.#takenTemplates(sets) },
      restored: this.#restored.sort(),
      problems: this.#problems.sort(),
    };
  }

  #set(name: string): Taken<SeenSet> | undefined {
    const [before, now] = [this.#known.sets[name], this.#sets.get(name)];
    if (now === undefined) return before;
    const { taken, restored } = takeOver(before, now, { suspicious: this.#suspicious, reduce: reduceSet });
    if (restored) this.#note(setObject(name));
    return taken;
  }

  /** While a restore is not accepted, a set that leaves the index and comes back gives nothing of what it had lost before. */
  #remember(sets: Record<string, Taken<SeenSet>>): void {
    for (const [name, set] of Object.entries(this.#known.sets)) sets[name] ??= withdrawn(set, withoutGrants(set));
  }

  /** A template that vanished is kept as long as a set names it: the hub takes it out of the sets when its end is meant. */
  #takenTemplates(sets: Known["sets"]): Known["templates"] {
    const named = new Set(Object.values(sets).flatMap((set) => set.bindings.map((binding) => binding.template)));
    const kept: Record<string, Taken<SeenTemplate>> = {};
    for (const name of [...named].sort()) {
      const template = this.#template(name);
      if (template !== undefined) kept[name] = template;
    }
    return kept;
  }

  #template(name: string): Taken<SeenTemplate> | undefined {
    const [before, now] = [this.#known.templates[name], this.#templates.get(name)];
    if (now === undefined) {
      if (before !== undefined) this.#problems.push(`ClusterRoleTemplate ${name} is missing on the hub: kept as it was`);
      return before;
    }
    const { taken, restored } = takeOver(before, now, { suspicious: this.#suspicious, reduce: reduceTemplate });
    if (restored) this.#note(templateObject(name));
    return taken;
  }

  #note(object: string): void {
    this.#restored.push(object);
    this.#problems.push(
      `${object} does not go on from what is known, the hub was restored: what it withdraws is withdrawn, nothing is granted`,
    );
  }
}

const follows = (known: Version | undefined, now: Offered): boolean => known === undefined || !takeOver(known, now, NO_REDUCING).restored;
const NO_REDUCING = { suspicious: false, reduce: (base: Offered) => base };

/** What is held back stays so: its version is the one before the hub was restored. */
const versionsOf = (known: Readonly<Record<string, Version>>): Readonly<Record<string, Version>> =>
  Object.fromEntries(
    Object.entries(known).map(([name, { uid, createdAt, history }]) => [name, { uid, createdAt, history: history.slice(-1) }]),
  );

function shows<T extends Version>(known: Readonly<Record<string, Taken<T>>>, seen: ReadonlyMap<string, T>): boolean {
  return Object.entries(known).some(([name, before]) => {
    const now = seen.get(name);
    return now !== undefined && showsRestore(before, now);
  });
}

/** The sets by which the managed cluster is made: those that the index lists. */
export const setsInForce = ({ sets }: Known): readonly Taken<SeenSet>[] => listed(sets[CLUSTER_SET]).flatMap((name) => sets[name] ?? []);

/** Of objects as named by `setObject` and `templateObject`: the latest epoch that was seen of each. */
export function latestEpochs({ sets, templates }: Known, objects: readonly string[]): readonly { object: string; epoch: number }[] {
  const all = new Map<string, number>([
    ...Object.values(sets).map((set) => [setObject(set.name), latestEpoch<SeenSet>(set)] as const),
    ...Object.values(templates).map((template) => [templateObject(template.name), latestEpoch<SeenTemplate>(template)] as const),
  ]);
  return objects.map((object) => ({ object, epoch: all.get(object) ?? 0 }));
}

function listed(index: SeenSet | undefined): readonly string[] {
  return index === undefined ? [] : [...new Set([CLUSTER_SET, ...(index.index?.sets ?? [])])].sort();
}
