import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { KINDS } from "./kinds.ts";

test("every file that defines a kind is in the list of kinds", () => {
  const folder = join(import.meta.dirname, "v1alpha1");
  const defining = readdirSync(folder).filter((file) => readFileSync(join(folder, file), "utf8").includes("= kind({"));
  expect(KINDS.map(({ kind }) => `${kind.toLowerCase()}.ts`).sort()).toEqual(defining.sort());
});
