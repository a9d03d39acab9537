import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type ApiError, KubeClient } from "../lib/kube/client.ts";
import { type Kind, type KubeObject, keyOf } from "../lib/kube/object.ts";
import { scratchFile, startControlPlane, type TestControlPlane } from "../test/controlplane.ts";
import { INVALID_CHANGES, INVALID_OBJECTS } from "../test/invalid-objects.ts";
import { KINDS } from "./kinds.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "..");

jest.setTimeout(120_000);

let plane: TestControlPlane;
let client: KubeClient;

/** A warning of the API server counts as a failure, here and in what CI applies. */
const kubectl = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run(join(plane.binaries, "kubectl"), [...args, "--warnings-as-errors"], {
    env: { KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory },
    maxBuffer: 1 << 26,
  });
  expect(stderr).toBe("");
  return stdout;
};

const kindNamed = (name: unknown): Kind<KubeObject> => {
  const found = KINDS.find((kind) => kind.kind === name);
  if (!found) throw new Error(`no kind ${String(name)}`);
  return found;
};

/** Strict, as kubectl asks for it: unknown fields are an error. */
const refusal = async (action: () => Promise<unknown>): Promise<ApiError | undefined> => {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error as ApiError;
  }
};

const collection = (object: KubeObject): string => {
  const { plural, namespaced } = kindNamed(object.kind);
  return `/apis/drover.dev/v1alpha1/${namespaced ? `namespaces/${object.metadata.namespace}/` : ""}${plural}`;
};
const STRICT = "?fieldValidation=Strict&fieldManager=test";

beforeAll(async () => {
  plane = await startControlPlane();
  client = new KubeClient(plane.adminConnection());
  await kubectl("apply", "--server-side", "--dry-run=server", "-k", join(repository, "crds/manifests"));
  await kubectl("apply", "-k", join(repository, "crds/manifests"));
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
  await kubectl("create", "namespace", "drover-system");
}, 900_000);

afterAll(async () => {
  await client?.close();
  await plane?.stop();
}, 60_000);

test("applying the definitions again changes nothing", async () => {
  const again = await kubectl("apply", "-k", join(repository, "crds/manifests"));
  expect(again.split("\n").filter((line) => line !== "" && !line.endsWith(" unchanged"))).toEqual([]);
});

test("what a platform team writes is accepted as it stands, and applying it again changes nothing", async () => {
  const file = join(repository, "deploy/examples/team.yaml");
  await kubectl("apply", "-f", file);
  const again = await kubectl("apply", "-f", file);
  expect(again.split("\n").filter((line) => line.includes("drover.dev") && !line.endsWith(" unchanged"))).toEqual([]);
});

test("the example of each kind is accepted", async () => {
  const file = await scratchFile(plane, "examples.yaml", KINDS.map((kind) => kind.source.example).join("---\n"));
  const applied = await kubectl("apply", "-f", file, "--dry-run=server", "-o", "name");
  expect(applied.trim().split("\n")).toHaveLength(KINDS.length);
});

interface OpenApiSchema {
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maxProperties?: number;
}

test("every field that the API server publishes has a description and a bound", async () => {
  const document = (await client.request("GET", "/openapi/v3/apis/drover.dev/v1alpha1")) as {
    components: { schemas: Record<string, OpenApiSchema> };
  };
  const wanting: string[] = [];
  const visit = (path: string, schema: OpenApiSchema): void => {
    if (!schema.description) wanting.push(`${path}: description`);
    if (schema.type === "array" && schema.maxItems === undefined) wanting.push(`${path}: maxItems`);
    if (schema.additionalProperties && schema.maxProperties === undefined) wanting.push(`${path}: maxProperties`);
    for (const [name, property] of Object.entries(schema.properties ?? {})) visit(`${path}.${name}`, property);
    if (schema.items) visit(`${path}[]`, schema.items);
    if (schema.additionalProperties) visit(`${path}{}`, schema.additionalProperties);
  };
  for (const { kind } of KINDS) {
    const schema = document.components.schemas[`dev.drover.v1alpha1.${kind}`];
    expect(schema?.description).toBeTruthy();
    for (const name of ["spec", "status"]) {
      const part = schema?.properties?.[name];
      if (part) visit(`${kind}.${name}`, part);
    }
  }
  expect(wanting).toEqual([]);
});

test.each(KINDS.map((kind) => [kind.plural, kind] as const))("kubectl explain %s names every field", async (plural, kind) => {
  const text = await kubectlExplain(plural);
  const names = (schema: OpenApiSchema): string[] => [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [name, ...names(property)]),
    ...(schema.items ? names(schema.items) : []),
  ];
  const wanted = [kind.source.spec.json, ...(kind.statusSchema ? [kind.statusSchema.json] : [])].flatMap((schema) =>
    names(schema as OpenApiSchema),
  );
  expect(wanted.filter((name) => !new RegExp(`^ +${name}\t`, "m").test(text))).toEqual([]);
});

const kubectlExplain = async (plural: string): Promise<string> => {
  const { stdout } = await run(join(plane.binaries, "kubectl"), ["explain", `${plural}.drover.dev`, "--recursive"], {
    env: { KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory },
  });
  return stdout;
};

test("short names and the category lead to the kinds, and clash with nothing", async () => {
  const { stdout } = await run(join(plane.binaries, "kubectl"), ["api-resources", "--no-headers", "-o", "wide"], {
    env: { KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory },
  });
  const rows = stdout.trim().split("\n");
  expect(rows.filter((row) => row.includes(" drover.dev/v1alpha1 ") && row.trimEnd().endsWith(" drover"))).toHaveLength(KINDS.length);
  const short = rows.flatMap((row) => (/^\S+\s+([a-z,]+)\s+\S+\/?v\S+\s/.exec(row)?.[1] ?? "").split(",")).filter((name) => name !== "");
  expect(short.length).toBe(new Set(short).size);
});

describe("the API server refuses", () => {
  test.each(INVALID_OBJECTS.map((bad) => [bad.why, bad] as const))("%s, and says what to write instead", async (_why, bad) => {
    const object = bad.object as unknown as KubeObject;
    const error = await refusal(() => client.request("POST", `${collection(object)}${STRICT}&dryRun=All`, { body: object }));
    expect([400, 422]).toContain(error?.code);
    expect(error?.message).toContain(bad.says);
  });

  test.each(INVALID_CHANGES.map((bad) => [bad.why, bad] as const))("%s, and says what to do instead", async (_why, bad) => {
    const object = bad.from as unknown as KubeObject;
    const kind = kindNamed(object.kind);
    await client.create(kind, object);
    try {
      const error = await refusal(() => client.patch(kind, keyOf(object), { spec: bad.to }, { type: "merge" }));
      expect(error?.code).toBe(422);
      expect(error?.message).toContain(bad.says);
    } finally {
      await client.delete(kind, keyOf(object));
    }
  });
});

test("defaults are there to read when nobody wrote them", async () => {
  const body = { apiVersion: "drover.dev/v1alpha1", kind: "Cluster", metadata: { name: "plain" }, spec: { import: {} } };
  const cluster = (await client.request("POST", `/apis/drover.dev/v1alpha1/clusters${STRICT}&dryRun=All`, { body })) as { spec: unknown };
  expect(cluster.spec).toEqual({ import: {}, paused: false, agent: { ceiling: "cluster-admin" } });
});
