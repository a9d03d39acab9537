import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { REFUSALS, Refusal, type RefusalCode } from "./refusal.ts";

test("the refusals in the code are those in docs/errors.md, with the same status", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/errors.md"), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith("Login and agents")) ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, status]) => [name, status]);
  expect(rows.sort()).toEqual(
    Object.entries(REFUSALS)
      .map(([name, { code }]) => [name, String(code)])
      .sort(),
  );
});

test.each(Object.keys(REFUSALS) as RefusalCode[])("%s is a Status whose cause is the code, and the audit's reason is not in it", (code) => {
  const refusal = new Refusal(code, "why", { because: "TheRealReason", retryAfterSeconds: 7 });
  expect(JSON.parse(refusal.body)).toMatchObject({
    kind: "Status",
    status: "Failure",
    code: refusal.status,
    message: "why",
    details: { causes: [{ reason: code, message: "why" }], retryAfterSeconds: 7 },
  });
  expect(refusal.body).not.toContain("TheRealReason");
});
