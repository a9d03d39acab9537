import { expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { AuditLimiter } from "./audit-limiter.ts";
import { type AuditRecord, Recorder } from "./record.ts";

const nothing = () => 0;
const gauges = { openRequests: nothing, tunnels: nothing, bufferedBytes: nothing, staleSeconds: nothing };

function recorder() {
  const metrics = new Registry();
  let lines = "";
  const it = new Recorder(metrics, gauges, (more) => {
    lines += more;
  });
  const records = () => {
    const written = lines.split("\n").filter((line) => line !== "");
    return written.map((line) => (JSON.parse(line) as { audit: AuditRecord }).audit);
  };
  return { it, metrics, records };
}

const refused = (source: string): AuditRecord => ({
  ...{ stage: "end", action: "request", decision: "deny", source, cluster: "east", status: 401, refusal: "Unauthorized" },
});

test("a flood of refused clients writes a limited number of lines, and all of them are counted", async () => {
  const { it, metrics, records } = recorder();
  for (let i = 0; i < 20_000; i++) it.record(refused(`10.0.${i % 200}.1`));
  it.record({ ...refused("10.1.0.1"), user: "alice" });
  it.close();
  const unauthenticated = records().filter(({ user }) => user === undefined);
  expect(unauthenticated.length).toBeLessThan(2_000);
  expect(unauthenticated.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(20_000);
  expect(unauthenticated.filter(({ count }) => count !== undefined)).toMatchObject([
    { status: 401, refusal: "Unauthorized", decision: "deny" },
  ]);
  // Refusals of authenticated users are never left out.
  expect(records().filter(({ user }) => user === "alice")).toHaveLength(1);
  expect(await metrics.metrics()).toContain('drover_proxy_requests_total{action="request",status="401",refusal="Unauthorized"} 20001');
});

test("an address that floods does not use up the lines of the others", () => {
  const limiter = new AuditLimiter({ perSource: [5, 1], all: [100, 10] });
  let admitted = 0;
  for (let i = 0; i < 10_000; i++) if (limiter.admit("10.0.0.1", "Unauthorized", 0)) admitted++;
  expect(admitted).toBe(5);
  expect(limiter.admit("10.0.0.2", "Unauthorized", 0)).toBe(true);
  expect(limiter.takeSuppressed()).toEqual([["Unauthorized", 9_995]]);
  expect(limiter.takeSuppressed()).toEqual([]);
  expect(limiter.admit("10.0.0.1", "Unauthorized", 1_000)).toBe(true);
});
