import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type ImportGraph, importCycles } from "./import-cycles.ts";

const graph = (edges: Record<string, readonly string[]>): ImportGraph => new Map(Object.entries(edges));

test.each<[string, Record<string, readonly string[]>, string[][]]>([
  ["a chain has none", { a: ["b"], b: ["c"], c: [] }, []],
  ["two ways to one file are none", { a: ["b", "c"], b: ["d"], c: ["d"], d: [] }, []],
  ["two files that import each other", { a: ["b"], b: ["a"] }, [["a", "b", "a"]]],
  ["a file that imports itself", { a: ["a"] }, [["a", "a"]]],
  ["a circle behind a chain", { a: ["b"], b: ["c"], c: ["d"], d: ["b"] }, [["b", "c", "d", "b"]]],
  ["an import of a file that is not in the graph", { a: ["elsewhere"] }, []],
])("%s", (_, edges, wanted) => {
  expect(importCycles(graph(edges))).toEqual(wanted);
});

test("a graph whose files import later ones only has no circle, and one with an import back along a chain always has", () => {
  const forward = fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 60 });
  fc.assert(
    fc.property(forward, fc.nat(20), fc.nat(20), (pairs, one, other) => {
      const edges = new Map<string, string[]>();
      const add = (from: number, to: number) => edges.set(String(from), [...(edges.get(String(from)) ?? []), String(to)]);
      for (let i = 0; i < 20; i++) add(i, i + 1);
      for (const [a, b] of pairs) if (a !== b) add(Math.min(a, b), Math.max(a, b));
      expect(importCycles(edges)).toEqual([]);
      add(Math.max(one, other), Math.min(one, other));
      expect(importCycles(edges)).not.toEqual([]);
    }),
  );
});
