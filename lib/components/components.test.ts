import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { COMPONENTS, userAgent } from "./components.ts";

const repository = join(import.meta.dirname, "../..");

test.each(Object.entries(COMPONENTS))(
  "the entry of %s runs under that name, in its log, its Lease and its requests",
  (name, { entry, purpose }) => {
    expect(existsSync(join(repository, entry))).toBe(true);
    expect(readFileSync(join(repository, entry), "utf8")).toMatch(new RegExp(`^await run(Process|Operator)\\("${name}", `, "m"));
    expect(purpose).toMatch(/^[A-Z].*\.$/);
  },
);

test("a component's requests name it", () => {
  expect(userAgent("operator-access")).toBe("drover-operator-access");
});
