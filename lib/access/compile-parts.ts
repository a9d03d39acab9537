// How one scope's grants are laid out over AccessSets: split at 2,000 subjects, each subject staying in the part it is in.
import type { AccessBinding, AccessSet } from "../../crds/v1alpha1/accessset.ts";
import type { SetSubject } from "./render-subjects.ts";

export type SetSpec = AccessSet["spec"];

/** One template granted to one subject. */
export interface Grant {
  readonly template: string;
  readonly subject: SetSubject;
}

export const MAX_SUBJECTS = 2000;
const MAX_TEMPLATES = 500;

/** Equal for the same template and subject, whatever the end date. */
export const grantKey = ({ template, subject }: Grant): string => `${template}\n${subjectKey(subject)}`;

/**
 * Grants by part, at least one part. Whoever is in a part stays there: moving somebody from one object to another would take
 * his access away for the moment between the two writes. New ones fill the first part that has room; empty parts at the end go.
 */
export function partition(
  grants: readonly Grant[],
  previous: readonly (readonly AccessBinding[])[],
): readonly (readonly AccessBinding[])[] {
  const parts: Part[] = [new Part()];
  const newcomers: Grant[] = [];
  const homes = homesOf(previous);
  for (const grant of [...grants].sort(byKey)) {
    const home = homes.get(grantKey(grant));
    if (home === undefined) newcomers.push(grant);
    else {
      while (parts.length <= home) parts.push(new Part());
      parts[home]?.add(grant);
    }
  }
  for (const grant of newcomers) {
    const part = parts.find((candidate) => candidate.hasRoomFor(grant)) ?? new Part();
    if (!parts.includes(part)) parts.push(part);
    part.add(grant);
  }
  return parts.map((part) => part.bindings());
}

class Part {
  #size = 0;
  readonly #templates = new Map<string, SetSubject[]>();

  hasRoomFor({ template }: Grant): boolean {
    return this.#size < MAX_SUBJECTS && (this.#templates.has(template) || this.#templates.size < MAX_TEMPLATES);
  }

  add({ template, subject }: Grant): void {
    this.#size++;
    const subjects = this.#templates.get(template);
    if (subjects) subjects.push(subject);
    else this.#templates.set(template, [subject]);
  }

  bindings(): readonly AccessBinding[] {
    return [...this.#templates]
      .sort(([a], [b]) => compare(a, b))
      .map(([template, subjects]) => ({ template, subjects: subjects.sort((a, b) => compare(subjectKey(a), subjectKey(b))) }));
  }
}

function homesOf(previous: readonly (readonly AccessBinding[])[]): ReadonlyMap<string, number> {
  const homes = new Map<string, number>();
  for (const [part, bindings] of previous.entries()) {
    for (const { template, subjects } of bindings) for (const subject of subjects) homes.set(grantKey({ template, subject }), part);
  }
  return homes;
}

const subjectKey = ({ kind, namespace, name }: SetSubject): string => `${kind}\n${namespace ?? ""}\n${name}`;
const byKey = (a: Grant, b: Grant): number => compare(grantKey(a), grantKey(b));
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
