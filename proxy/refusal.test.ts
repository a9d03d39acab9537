import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { TunnelCode } from "../lib/tunnel/errors.ts";
import { proxyConfig } from "./config.ts";
import { REFUSALS, Refusal, type RefusalCode } from "./refusal.ts";

const docs = (name: string): string => readFileSync(join(import.meta.dirname, "../docs", name), "utf8");
/** First cells of a table's rows, with the second. */
const rows = (text: string): string[][] =>
  [...text.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, number]) => [name ?? "", number ?? ""]);

test("the refusals in the code are those in docs/errors.md, with the same status", () => {
  const section = docs("errors.md")
    .split(/^## /m)
    .find((text) => text.startsWith("The proxy"));
  expect(rows(section ?? "").sort()).toEqual(
    Object.entries(REFUSALS)
      .map(([name, { code }]) => [name, String(code)])
      .sort(),
  );
});

test("the tunnel's codes are those in docs/tunnel.md, with the same number", () => {
  expect(rows(docs("tunnel.md")).sort()).toEqual(
    Object.entries(TunnelCode)
      .map(([name, number]) => [name, String(number)])
      .sort(),
  );
});

test.each(Object.keys(REFUSALS) as RefusalCode[])("%s is answered as a Status that says the same as the HTTP answer", (code) => {
  const { status, headers, body } = new Refusal(code, "why").answer();
  const parsed = JSON.parse(body.toString()) as { code: number; details: { causes: { reason: string }[]; retryAfterSeconds?: number } };
  expect(parsed).toMatchObject({ kind: "Status", status: "Failure", message: "why", code: status });
  expect(parsed.details.causes[0]?.reason).toBe(code);
  expect(headers[headers.indexOf("Content-Length") + 1]).toBe(String(body.length));
  expect(headers.includes("Retry-After")).toBe(parsed.details.retryAfterSeconds !== undefined);
  // Whoever is told to ask again must be sure that nothing was begun: clients repeat writes, too.
  if (headers.includes("Retry-After")) expect(["NotConnected", "HubUnavailable", "TooManyRequests"]).toContain(code);
});

test("the configuration refuses what it does not know, and fills in the rest", () => {
  const least = { tls: { certFile: "c", keyFile: "k" }, replicaId: "a" };
  expect(proxyConfig.parse(least)).toMatchObject({ staleAfterSeconds: 300, limits: { connections: 20_000 } });
  expect(() => proxyConfig.parse({ ...least, colour: "red" })).toThrow('unknown key "colour"');
  expect(() => proxyConfig.parse({ ...least, trustForwardedFrom: ["10.0.0.0/33"] })).toThrow("trustForwardedFrom");
  expect(() => proxyConfig.parse({ ...least, replicaId: "a b" })).toThrow("replicaId");
});
