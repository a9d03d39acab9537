import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ConfigOf, defineConfig, HEALTH, readConfig } from "./config.ts";
import { leaseContradiction, OPERATOR_PROPERTIES } from "./operator-config.ts";

const definition = defineConfig(
  {
    type: "object",
    required: ["url"],
    properties: {
      url: { type: "string", minLength: 1 },
      health: HEALTH,
      burst: {
        type: "object",
        properties: { least: { type: "integer", default: 10 }, most: { type: "integer", default: 15 } },
        default: {},
      },
      peers: { type: "array", items: { type: "object", required: ["name"], properties: { name: { type: "string" } } }, default: [] },
      mode: { type: "string", enum: ["a", "b"], default: "a" },
      nick: { type: "string" },
    },
  },
  ({ burst }) => (burst.least > burst.most ? "burst.least must not be more than burst.most" : undefined),
);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-config-"));
});
afterAll(() => rm(directory, { recursive: true }));

test("what is left out gets its default, at every depth, and nothing can be changed afterwards", () => {
  const config = definition.parse({ url: "x", health: { port: 8080 } });
  expect(config).toMatchObject({
    health: { host: "127.0.0.1", port: 8080 },
    burst: { least: 10, most: 15 },
    peers: [],
    mode: "a",
  });
  expect(Object.isFrozen(config) && Object.isFrozen(config.health) && Object.isFrozen(config.peers)).toBe(true);
});

test("the type of a configuration follows from its schema", () => {
  type Wanted = {
    readonly url: string;
    readonly health: { readonly host: string; readonly port: number };
    readonly burst: { readonly least: number; readonly most: number };
    readonly peers: readonly { readonly name: string }[];
    readonly mode: "a" | "b";
    readonly nick?: string;
  };
  // Each is assignable to the other: this compiles, or the types differ.
  const there = (config: ConfigOf<typeof definition>): Wanted => config;
  const back = (config: Wanted): ConfigOf<typeof definition> => config;
  expect(back(there(definition.parse({ url: "x" }))).nick).toBeUndefined();
});

test("one parse does not leak into the next", () => {
  expect(definition.parse({ url: "x" })).not.toBe(definition.parse({ url: "x" }));
  expect(definition.parse({ url: "x", health: { port: 1 } }).health.port).toBe(1);
  expect(definition.parse({ url: "x" }).health.port).toBe(0);
});

test.each([
  [{ url: "x", colour: "red" }, 'unknown key "colour"'],
  [{ url: "x", health: { prot: 1 } }, 'unknown key "health.prot"'],
  [{ url: "x", peers: [{ name: "a", nmae: "b" }] }, 'unknown key "peers.0.nmae"'],
  [{}, "the configuration must have required property 'url'"],
  [{ url: 7 }, '"url" must be string'],
  [{ url: "x", health: { port: 70_000 } }, '"health.port" must be <= 65535'],
  [{ url: "x", mode: "c" }, '"mode" must be one of a, b'],
  [{ url: "x", burst: { least: 20 } }, "burst.least must not be more than burst.most"],
  ["text", "the configuration must be object"],
])("%j is refused with one line that says why", (value, message) => {
  expect(() => definition.parse(value)).toThrow(message);
});

test("a file that is missing or no JSON is named in the one line", async () => {
  expect(() => readConfig(join(directory, "none.json"), definition)).toThrow(/none\.json: no such file$/);
  await writeFile(join(directory, "bad.json"), '{\n "url": \n}');
  expect(() => readConfig(join(directory, "bad.json"), definition)).toThrow(/bad\.json: [^\n]*JSON[^\n]*$/);
});

test("an operator's configuration has what every operator needs, and refuses times of a lease that contradict each other", () => {
  const properties = { ...OPERATOR_PROPERTIES, colour: { type: "string" } } as const;
  const operator = defineConfig({ type: "object", required: ["colour"], properties }, leaseContradiction);
  expect(operator.parse({ colour: "red" })).toMatchObject({
    colour: "red",
    leaderElection: { namespace: "drover-system", retryPeriodSeconds: 2 },
  });
  expect(() => operator.parse({})).toThrow("colour");
  for (const leaderElection of [{ renewDeadlineSeconds: 15 }, { retryPeriodSeconds: 10 }, { leaseDurationSeconds: 3 }])
    expect(() => operator.parse({ colour: "red", leaderElection })).toThrow("leaderElection needs");
});
