import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { fingerprint } from "./fingerprint.ts";

const value = fc.jsonValue({ maxDepth: 4 });

test("values are the same exactly when their fingerprints are", () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(fingerprint(structuredClone(a))).toBe(fingerprint(a));
      expect(fingerprint(a) === fingerprint(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});

test("a member that is undefined counts as absent, and a list is read once", () => {
  expect(fingerprint({ a: 1, b: undefined })).toBe(fingerprint({ a: 1 }));
  let reads = 0;
  const list = [
    {
      get name() {
        reads++;
        return "alice";
      },
    },
  ];
  expect(fingerprint({ namespace: "a", subjects: list })).not.toBe(fingerprint({ namespace: "b", subjects: list }));
  expect(reads).toBe(1);
});

test("what looks alike is told apart", () => {
  const alike = ["1", 1, "null", null, "true", true, ["a", "b"], ["a,b"], [["a"], "b"], { a: "b,c:d" }, { a: "b", c: "d" }, {}, []];
  expect(new Set(alike.map(fingerprint)).size).toBe(alike.length);
});
