import { expect, test } from "@jest/globals";
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { visible } from "../output.ts";
import { acceptanceTime, remarks } from "./accept-restore.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ms = NOW.getTime();
const HOUR = 3600_000;
const hub = (restoreAcceptedAt?: string): Pick<Cluster, "spec"> => ({
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" }, ...(restoreAcceptedAt && { restoreAcceptedAt }) },
});
const report = (cluster: string, ...epochs: number[]) => ({
  metadata: { name: "agent", namespace: `cluster-${cluster}` },
  status: { access: { restored: epochs.map((epoch, i) => ({ object: `AccessSet ${i}`, epoch })) } },
});

test("an acceptance is now, unless an agent has seen an epoch of a clock that is ahead, or an acceptance is later already", () => {
  expect(acceptanceTime(hub(), [], NOW)).toEqual({ at: ms, clusters: [], implausible: [] });
  expect(acceptanceTime(hub(), [report("west", ms - HOUR), report("east", 5, ms + HOUR)], NOW)).toEqual({
    at: ms + HOUR + 1,
    clusters: ["east", "west"],
    implausible: [],
  });
  expect(acceptanceTime(hub("2026-06-01T13:00:00.000Z"), [], NOW).at).toBe(ms + HOUR + 1);
});

test("an agent cannot move the acceptance into the future, where it would accept restores to come", () => {
  expect(acceptanceTime(hub(), [report("west", ms - 1), report("evil", Number.MAX_SAFE_INTEGER)], NOW)).toEqual({
    at: ms,
    clusters: ["evil", "west"],
    implausible: ["evil"],
  });
});

test("what is said of an acceptance is shown as it is written, line by line", () => {
  const counts = { tokensDeleted: 3, enabledUsers: 2, registeredAgents: 1 };
  const lines = remarks({ acceptedAt: NOW.toISOString(), ...counts, clusters: ["east", "west"], implausible: ["west"] });
  expect(lines).toContain("3 tokens deleted: all users log in again");
  expect(lines).toContain(`restore accepted at ${NOW.toISOString()}; held back until now in: east, west`);
  for (const line of lines) expect(visible(line)).toBe(line);
});
