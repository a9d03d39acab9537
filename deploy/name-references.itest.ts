// The kustomize component for names, with the real kustomize inside kubectl.
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { loadAll } from "js-yaml";
import { KINDS } from "../crds/kinds.ts";
import { REFERENCES } from "../crds/references.ts";
import type { JsonSchema } from "../crds/schema/schema.ts";
import { kubectlPath } from "../test/kubectl.ts";

const run = promisify(execFile);
jest.setTimeout(120_000);

let kubectl: string;
let directory: string;

beforeAll(async () => {
  kubectl = await kubectlPath();
  directory = await mkdtemp(join(tmpdir(), "drover-kustomize-"));
  await cp(join(import.meta.dirname, "components"), join(directory, "components"), { recursive: true });
}, 900_000);
afterAll(async () => {
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

interface Written {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** What kustomize makes of the objects with `namePrefix: team-`. */
async function prefixed(objects: readonly object[], components: readonly string[]): Promise<readonly Written[]> {
  const overlay = await mkdtemp(join(directory, "overlay-"));
  await writeFile(join(overlay, "objects.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const kustomization = { namePrefix: "team-", resources: ["objects.json"], components };
  await writeFile(join(overlay, "kustomization.yaml"), JSON.stringify(kustomization));
  return loadAll((await run(kubectl, ["kustomize", overlay])).stdout) as Written[];
}

const COMPONENT = "../components/name-references";
const isArray = (schema: JsonSchema | undefined): boolean => schema?.type === "array";

/** The value in the shape that the kind has at this path: lists where it has lists. */
function shaped(schema: JsonSchema | undefined, [step, ...rest]: readonly string[], value: string): unknown {
  if (isArray(schema)) return [shaped(schema?.items as JsonSchema, [step as string, ...rest].filter(Boolean), value)];
  if (step === undefined) return value;
  const properties = schema?.properties as Readonly<Record<string, JsonSchema>> | undefined;
  return { [step]: shaped(properties?.[step], rest, value) };
}

const object = (kind: string, name: string, more: object = {}) => {
  const definition = KINDS.find((one) => one.kind === kind);
  const namespace = kind === "Secret" ? { namespace: "drover-system" } : definition?.namespaced ? { namespace: "cluster-east" } : {};
  return { apiVersion: definition?.apiVersion ?? "v1", kind, metadata: { name, ...namespace }, ...more };
};

test.each(REFERENCES)("with a namePrefix $from $path still names its $to", async ({ from, path, to }) => {
  const [, ...steps] = path.split("/");
  const spec = shaped(KINDS.find(({ kind }) => kind === from)?.source.spec.json, steps, "named");
  const objects = [object(to, "named"), object(from, "naming", { spec })];
  const written = (made: readonly Written[]): string => JSON.stringify(made.find(({ metadata }) => metadata.name === "team-naming"));
  const made = await prefixed(objects, [COMPONENT]);
  expect(made.map(({ metadata }) => metadata.name).sort()).toEqual(["team-named", "team-naming"]);
  expect(written(made)).toContain('"team-named"');
  // Kustomize by itself knows none of them.
  expect(written(await prefixed(objects, []))).not.toContain('"team-named"');
  // A name of what is elsewhere stays.
  expect(written(await prefixed([objects[1] as object], [COMPONENT]))).toContain('"named"');
});

test("beside objects of Drover's, lists of Kubernetes' own kinds are merged as without the component", async () => {
  const deployment = (containers: readonly object[]) => ({
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" } },
    spec: { template: { spec: { containers } } },
  });
  const overlay = await mkdtemp(join(directory, "overlay-"));
  const both = [
    { name: "a", image: "a" },
    { name: "b", image: "b" },
  ];
  await writeFile(join(overlay, "deployment.json"), JSON.stringify(deployment(both)));
  await writeFile(join(overlay, "user.json"), JSON.stringify(object("User", "u", { spec: {} })));
  const patches = [{ patch: JSON.stringify(deployment([{ name: "b", image: "new" }])) }];
  for (const resources of [
    ["deployment.json", "user.json"],
    ["user.json", "deployment.json"],
  ]) {
    await writeFile(join(overlay, "kustomization.yaml"), JSON.stringify({ resources, patches, components: [COMPONENT] }));
    expect((await run(kubectl, ["kustomize", overlay])).stdout).toMatch(/image: new[\s\S]*name: a/);
  }
});
