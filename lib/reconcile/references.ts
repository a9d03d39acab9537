import { type Key, type KubeObject, keyOf, keyString, type ObjectRef } from "../kube/object.ts";
import { kindString } from "./live.ts";

const refString = (ref: ObjectRef): string => `${kindString(ref)} ${keyString(ref)}`;

/** Which subjects' latest plans spoke of an object. */
export class References {
  readonly #subjects = new Map<string, Map<string, Key>>();
  readonly #objects = new Map<string, readonly string[]>();

  /** Replaces what the subject's plan speaks of. */
  set(subject: Key, objects: readonly ObjectRef[]): void {
    const name = keyString(subject);
    for (const object of this.#objects.get(name) ?? []) {
      const subjects = this.#subjects.get(object);
      subjects?.delete(name);
      if (subjects?.size === 0) this.#subjects.delete(object);
    }
    const refs = objects.map(refString);
    if (refs.length === 0) this.#objects.delete(name);
    else this.#objects.set(name, refs);
    for (const ref of refs) {
      const subjects = this.#subjects.get(ref);
      if (subjects === undefined) this.#subjects.set(ref, new Map([[name, subject]]));
      else subjects.set(name, subject);
    }
  }

  subjectsOf(object: KubeObject): Key[] {
    const ref = refString({ apiVersion: object.apiVersion, kind: object.kind, ...keyOf(object) });
    return [...(this.#subjects.get(ref)?.values() ?? [])];
  }
}
