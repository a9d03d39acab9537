import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { KINDS } from "./kinds.ts";
import { docsOf } from "./schema/condition.ts";
import { READY_COLUMNS } from "./schema/kind.ts";

test("every file that defines a kind is in the list of kinds", () => {
  const folder = join(import.meta.dirname, "v1alpha1");
  const defining = readdirSync(folder).filter((file) => readFileSync(join(folder, file), "utf8").includes("= kind({"));
  expect(KINDS.map(({ kind }) => `${kind.toLowerCase()}.ts`).sort()).toEqual(defining.sort());
});

const withStatus = KINDS.filter(({ statusSchema }) => statusSchema !== undefined);

test.each(withStatus.map((kind) => [kind.kind, kind] as const))("%s has condition Ready, and shows it", (_name, { ready, source }) => {
  const conditions = source.conditions ?? [];
  const types = conditions.map(({ type }) => type);
  expect(ready?.of.length).toBeGreaterThan(0);
  expect(ready?.of.filter((type) => !types.includes(type))).toEqual([]);
  const reasons = conditions.filter(({ type }) => ready?.of.includes(type)).flatMap((one) => Object.keys(docsOf(one).reasons));
  expect(ready?.intended.filter((reason) => !reasons.includes(reason))).toEqual([]);
  expect(source.columns).toEqual(expect.arrayContaining([...READY_COLUMNS]));
});
