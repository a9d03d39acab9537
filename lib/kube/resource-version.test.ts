import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { compareResourceVersions } from "./resource-version.ts";

test("versions are ordered as the numbers they are, also beyond what a double can hold", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n }), fc.bigInt({ min: 0n, max: 2n ** 64n }), (a, b) => {
      expect(Math.sign(compareResourceVersions(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});
