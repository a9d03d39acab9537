import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { TunnelCode } from "./errors.ts";

test("the tunnel's codes are those in docs/tunnel.md, with the same number", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/tunnel.md"), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, number]) => [name, number]);
  expect(rows.sort()).toEqual(
    Object.entries(TunnelCode)
      .map(([name, number]) => [name, String(number)])
      .sort(),
  );
});
