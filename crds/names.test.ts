import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isShortName, isVersion, SHORT_NAME, shortName } from "./v1alpha1/names.ts";

/** A DNS label without two dashes in a row, and short. */
const fits = (name: string): boolean =>
  name.length >= 1 &&
  name.length <= 26 &&
  /^[a-z0-9-]+$/.test(name) &&
  !name.startsWith("-") &&
  !name.endsWith("-") &&
  !name.includes("--");

test("names of clusters and projects are short DNS labels without two dashes in a row, whatever the name", () => {
  const name = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("a", "z", "0", "-", "A", ".", "\n"), maxLength: 30 }));
  fc.assert(
    fc.property(name, (text) => expect([text, isShortName(text)]).toEqual([text, fits(text)])),
    { numRuns: 2000 },
  );
});

test("a name that is long and does not fit takes no time", () => {
  expect(isShortName(`${"a-".repeat(50_000)}-`)).toBe(false);
});

test("the rule in the kind is made of the same pattern and length", () => {
  const { rule } = shortName("cluster");
  expect(rule).toContain(SHORT_NAME.pattern);
  expect(rule).toContain(`<= ${SHORT_NAME.maxLength}`);
});

test("versions as clusters have them fit, and nothing that a terminal acts on does", () => {
  for (const version of ["v1.36.3", "v1.30.3-gke.1969001", "v1.27.4+k3s1", "v1.29.0-eks-036c24b", "0.1.0"])
    expect(isVersion(version)).toBe(true);
  for (const version of ["", "\x1b]0;OWNED\x07\x1b[31mEVIL", "v1\n", "v1.0 x", "v".repeat(65)]) expect(isVersion(version)).toBe(false);
});
