import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { KubeObject } from "./object.ts";
import { byName, Store } from "./store.ts";

interface Thing extends KubeObject {
  readonly tags: readonly string[];
}
const thing = (name: string, namespace: string | undefined, tags: readonly string[]): Thing => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  tags,
});
const tag = fc.constantFrom("x", "y", "z");
const step = fc.record({
  remove: fc.boolean(),
  checkServerVersion: fc.boolean(),
  object: fc
    .tuple(fc.constantFrom("a", "b", "b-c", "c"), fc.constantFrom(undefined, "n", "n-m", "m"), fc.uniqueArray(tag))
    .map(([name, namespace, tags]) => thing(name, namespace, tags)),
});

test("lists and indexes equal a search through all objects, after any changes and with reads in between", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new Store<Thing>({ tag: ({ tags }) => tags });
      const model = new Map<string, Thing>();
      const check = (): void => {
        const all = [...model.values()].sort(byName);
        expect(store.list()).toEqual(all);
        expect(store.size).toBe(all.length);
        for (const namespace of ["n", "n-m", "m", "none"]) {
          expect(store.list(namespace)).toEqual(all.filter(({ metadata }) => metadata.namespace === namespace));
        }
        for (const value of ["x", "y", "z", "none"])
          expect(store.byIndex("tag", value)).toEqual(all.filter(({ tags }) => tags.includes(value)));
      };
      for (const { remove, checkServerVersion, object } of steps) {
        const key = `${object.metadata.namespace} ${object.metadata.name}`;
        expect(remove ? store.delete(object.metadata) : store.set(object)).toBe(model.get(key));
        if (remove) model.delete(key);
        else model.set(key, object);
        expect(store.get(object.metadata)).toBe(model.get(key));
        if (checkServerVersion) check();
      }
      check();
    }),
  );
});

test("an index that was not declared is an error that names those that were", () => {
  const store = new Store<Thing>({ tag: ({ tags }) => tags });
  expect(() => store.byIndex("colour", "red")).toThrow('no index "colour" was declared; there are: tag');
  expect(store.hasIndexValue("tag", "x", thing("a", undefined, ["x"]))).toBe(true);
});
