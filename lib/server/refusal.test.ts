import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { REFUSALS, Refusal, type RefusalCode } from "./refusal.ts";

const root = join(import.meta.dirname, "../..");
const codes = Object.keys(REFUSALS) as RefusalCode[];

describe.each([
  ["auth", "Login and agents"],
  ["proxy", "The proxy"],
] as const)("the refusals of %s", (server, heading) => {
  const own = codes.filter((code) => (REFUSALS[code].by as readonly string[]).includes(server));

  test("are those in docs/errors.md, with the same status", () => {
    const sections = readFileSync(join(root, "docs/errors.md"), "utf8").split(/^## /m);
    const section = sections.find((text) => text.startsWith(heading)) ?? "";
    const rows = [...section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, status]);
    expect(rows.sort()).toEqual(own.map((code) => [code, String(REFUSALS[code].status)]).sort());
  });

  test("are those that its code, or the code that it shares, makes", () => {
    const shared = sources("lib/server").filter((path) => path !== join(root, "lib/server/refusal.ts"));
    const text = [...sources(server), ...shared].map((path) => readFileSync(path, "utf8")).join("\n");
    const made = new Set([...text.matchAll(/"([A-Z]\w+)"/g)].map(([, word]) => word));
    // `new Refusal("X", …)`: what the server makes for certain.
    const certain = [...text.matchAll(/new Refusal\(\s*"(\w+)"/g)].map(([, code]) => code);
    expect(own.filter((code) => !made.has(code))).toEqual([]);
    expect(certain.filter((code) => !own.includes(code as RefusalCode))).toEqual([]);
  });
});

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.i?test\.ts$/.test(path))
    .map((path) => join(root, folder, path));

test.each(codes)("%s is answered as a Status that says the same as the HTTP answer", (code) => {
  const { status, headers, body } = new Refusal(code, "why").answer();
  const parsed = JSON.parse(body.toString()) as { code: number; details: { causes: { reason: string }[]; retryAfterSeconds?: number } };
  expect(parsed).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", message: "why", code: status });
  expect(parsed.details.causes).toEqual([{ reason: code, message: "why" }]);
  expect(headers[headers.indexOf("Content-Length") + 1]).toBe(String(body.length));
  expect(headers.includes("Retry-After")).toBe(parsed.details.retryAfterSeconds !== undefined);
  // Clients repeat writes, too: a refusal asks them to only when nothing of the request was carried out.
  if (headers.includes("Retry-After"))
    expect(["NotConnected", "HubUnavailable", "TooManyRequests", "Busy", "AccountNotReady"]).toContain(code);
  expect(headers.includes("WWW-Authenticate")).toBe(status === 401);
});

test.each(codes)("%s tells the client its code and message, and the audit's reason to nobody", (code) => {
  const refusal = new Refusal(code, "why", { auditReason: "TheRealReason", retryAfterSeconds: 7 });
  const { headers, body } = refusal.answer();
  expect(JSON.parse(body.toString())).toMatchObject({
    kind: "Status",
    status: "Failure",
    code: refusal.status,
    message: "why",
    details: { causes: [{ reason: code, message: "why" }], retryAfterSeconds: 7 },
  });
  expect(headers[headers.indexOf("Retry-After") + 1]).toBe("7");
  expect(`${headers} ${body}`).not.toContain("TheRealReason");
});

test("a refusal is a Kubernetes Status, and nothing more", () => {
  expect(JSON.parse(new Refusal("NotConnected", "not connected").answer().body.toString())).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "not connected",
    reason: "ServiceUnavailable",
    details: { causes: [{ reason: "NotConnected", message: "not connected" }], retryAfterSeconds: 1 },
    code: 503,
  });
});
