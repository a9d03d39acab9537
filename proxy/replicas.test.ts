import { describe, expect, test } from "@jest/globals";
import { checkTunnels } from "./readiness.ts";
import { liveReplicas } from "./replicas.ts";

describe("the replicas that live", () => {
  const NOW = 1_000_000;
  const seen = (ages: Record<string, number>) => new Map(Object.entries(ages).map(([name, age]) => [name, NOW - age]));
  test.each<[string, Record<string, number>, string[], string[]]>([
    ["this one before any Lease was seen", {}, [], ["p-0"]],
    ["those whose Lease was renewed of late", { "p-0": 100, "p-1": 29_000, "p-2": 31_000 }, ["p-0", "p-2"], ["p-0", "p-1"]],
    ["a new one at once", { "p-0": 100, "p-9": 0 }, ["p-0"], ["p-0", "p-9"]],
    [
      "those before, while the hub does not even show what this one wrote",
      { "p-0": 40_000, "p-1": 40_000 },
      ["p-0", "p-1"],
      ["p-0", "p-1"],
    ],
  ])("are %s", (_, ages, before, expected) => {
    expect(liveReplicas(seen(ages), "p-0", before, NOW)).toEqual(expected);
  });
});

test.each<[string, string[], string[], number, true | string]>([
  ["no cluster is connected", [], [], 0, true],
  ["each connected cluster has a tunnel", ["east", "west"], ["west", "east"], 0, true],
  ["a tunnel is missing", ["east", "west"], ["west"], 14_000, "1 of 2 connected clusters have no tunnel to this replica yet"],
  ["a tunnel is missing for long", ["east", "west"], ["west"], 15_000, true],
])("readiness when %s", (_, connected, tunnels, listeningForMs, expected) => {
  expect(checkTunnels({ connected, hasTunnel: (name) => tunnels.includes(name), listeningForMs })).toBe(expected);
});
