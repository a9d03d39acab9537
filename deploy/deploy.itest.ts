import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { loadAll } from "js-yaml";
import { KINDS } from "../crds/kinds.ts";
import { ClusterRoleTemplate } from "../crds/v1alpha1/clusterroletemplate.ts";
import { HUB_COMPONENT_NAMES } from "../lib/components/components.ts";
import { KubeClient } from "../lib/kube/client.ts";
import type { KubeObject } from "../lib/kube/object.ts";
import { scratchFile, startControlPlane, type TestControlPlane } from "../test/controlplane.ts";
import { type AgentManifestInput, agentManifest } from "./agent/manifest.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "..");
const HUB = join(repository, "deploy/bases/hub");

jest.setTimeout(120_000);

let hub: TestControlPlane;
let managed: TestControlPlane;

const plain = async (plane: TestControlPlane, ...args: string[]): Promise<string> =>
  (
    await run(join(plane.binaries, "kubectl"), args, {
      env: { KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory },
      maxBuffer: 1 << 26,
    })
  ).stdout;

/** Any warning of the API server fails: unknown fields, deprecated versions, pods beyond the namespace's Pod Security level. */
const apply = (plane: TestControlPlane, ...args: string[]): Promise<string> => plain(plane, "apply", "--warnings-as-errors", ...args);

const changes = (output: string): string[] => output.split("\n").filter((line) => line !== "" && !line.endsWith(" unchanged"));

const manifest = (more: Partial<AgentManifestInput> = {}): readonly KubeObject[] =>
  agentManifest({
    cluster: "east",
    authURL: "https://auth.drover.example",
    proxyURLs: ["https://api.drover.example"],
    caPEM: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    registrationToken: "secret",
    ceiling: "cluster-admin",
    groups: [],
    image: "drover:0.1.0",
    ...more,
  });

const applyManifest = async (objects: readonly KubeObject[]): Promise<string> => {
  const file = await scratchFile(managed, "manifest.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  return await apply(managed, "-f", file);
};

interface Question {
  readonly verb: string;
  /** A path instead of a resource. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** Whether an account of drover-system may do something, as the API server itself answers. */
const may = async (plane: TestControlPlane, account: string, { path, verb, ...resource }: Question): Promise<boolean> => {
  const client = new KubeClient(plane.adminConnection());
  const spec = {
    user: `system:serviceaccount:drover-system:${account}`,
    groups: ["system:serviceaccounts", "system:serviceaccounts:drover-system", "system:authenticated"],
    ...(path === undefined ? { resourceAttributes: { verb, ...resource } } : { nonResourceAttributes: { verb, path } }),
  };
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  const answer = (await client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body })) as {
    status: { allowed: boolean };
  };
  await client.close();
  return answer.status.allowed;
};
const RBAC = "rbac.authorization.k8s.io";

beforeAll(async () => {
  [hub, managed] = await Promise.all([startControlPlane(), startControlPlane()]);
}, 900_000);

afterAll(async () => {
  await Promise.all([hub?.stop(), managed?.stop()]);
}, 60_000);

describe("the hub", () => {
  const versions = async (): Promise<string[]> => {
    const format = 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';
    return (await plain(hub, "get", "-k", HUB, "-o", format)).trim().split("\n");
  };

  test("is applied as the documentation says, without a warning, and applying it again changes nothing", async () => {
    await apply(hub, "-k", join(repository, "deploy/bases/crds"));
    await plain(hub, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
    await apply(hub, "-k", HUB);
    const before = await versions();
    await apply(hub, "-k", HUB);
    expect(await versions()).toEqual(before);
    await apply(hub, "--server-side", "--force-conflicts", "-k", HUB);
  });

  test("has every kind, and each process under an account of its own", async () => {
    const objects = loadAll(await plain(hub, "kustomize", HUB)) as (KubeObject & { spec?: { template?: { spec: PodSpec } } })[];
    expect(objects.filter(({ kind }) => kind === "CustomResourceDefinition")).toHaveLength(KINDS.length);
    const accounts = new Set(objects.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => metadata.name));
    const deployments = objects.filter(({ kind }) => kind === "Deployment");
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual([...HUB_COMPONENT_NAMES].sort());
    for (const { metadata, spec } of deployments) {
      expect(spec?.template?.spec.serviceAccountName).toBe(metadata.name);
      expect(accounts).toContain(metadata.name);
    }
  });

  test("names its image in one place, and gives the same to agents", async () => {
    const rendered = await plain(hub, "kustomize", HUB);
    const images = new Set([...rendered.matchAll(/(?:image: |"agentImage": ")([^"\s]+)/g)].map(([, image]) => image));
    expect([...images]).toEqual(["drover:0.1.0"]);
  });

  test("gives the proxy no write at all, and lets no process escalate, impersonate or read Secrets of the whole hub", async () => {
    for (const verb of ["create", "update", "patch", "delete"]) {
      for (const { plural } of KINDS) expect(await may(hub, "proxy", { verb, group: "drover.dev", resource: plural })).toBe(false);
    }
    for (const account of HUB_COMPONENT_NAMES) {
      for (const verb of ["escalate", "bind"]) expect(await may(hub, account, { verb, group: RBAC, resource: "clusterroles" })).toBe(false);
      expect(await may(hub, account, { verb: "impersonate", resource: "users" })).toBe(false);
      expect(await may(hub, account, { verb: "list", resource: "secrets", namespace: "kube-system" })).toBe(false);
    }
  });

  test("built-in templates say what ordinary work needs, and leave Drover's own powers to capabilities", async () => {
    const client = new KubeClient(hub.adminConnection());
    const { items } = await client.list(ClusterRoleTemplate);
    await client.close();
    expect(items.map(({ metadata }) => metadata.name)).toEqual([
      "cluster-owner",
      "cluster-viewer",
      "hub-owner",
      "nodes-view",
      "project-owner",
      "project-viewer",
    ]);
    const owner = items.find(({ metadata }) => metadata.name === "project-owner");
    const exec = owner?.spec.rules.find(({ resources }) => resources.includes("pods/exec"));
    expect(exec?.verbs).toContain("create");
    expect(owner?.spec.capabilities).toEqual(["ManageMembers", "CreateNamespaces"]);
    const viewers = items.filter(({ metadata }) => metadata.name.endsWith("-view") || metadata.name.endsWith("-viewer"));
    for (const { spec } of viewers) {
      for (const { verbs, resources } of spec.rules) {
        expect(verbs).toEqual(["get", "list", "watch"]);
        expect(resources).not.toContain("secrets");
      }
    }
  });
});

interface PodSpec {
  readonly serviceAccountName: string;
}

describe("the agent's manifest", () => {
  test("is applied in a managed cluster without a warning, and applying it again changes nothing", async () => {
    await applyManifest(manifest());
    expect(changes(await applyManifest(manifest()))).toEqual([]);
  });

  test("makes the same namespace as the hub has", async () => {
    const [inManagedCluster] = manifest();
    const rendered = loadAll(await plain(hub, "kustomize", join(repository, "deploy/bases/namespace")));
    expect(rendered).toContainEqual(inManagedCluster);
  });

  test("bounds the agent by the ceiling, and binds nobody else to it", async () => {
    await plain(managed, "create", "clusterrole", "pods-only", "--verb=get,list", "--resource=pods");
    await plain(managed, "delete", "clusterrolebinding", "drover:agent");
    await applyManifest(manifest({ ceiling: "pods-only", groups: ["corp:developers", "corp:a b"] }));
    const agent = (question: Question): Promise<boolean> => may(managed, "agent", question);
    expect(await agent({ verb: "list", resource: "pods" })).toBe(true);
    expect(await agent({ verb: "create", resource: "pods" })).toBe(false);
    expect(await agent({ verb: "get", resource: "secrets", namespace: "kube-system" })).toBe(false);
    for (const verb of ["escalate", "bind"]) expect(await agent({ verb, group: RBAC, resource: "clusterroles" })).toBe(false);
    expect(await agent({ verb: "use", path: "/drover.dev/projects/web/namespaces" })).toBe(true);
    const passesOn = (name: string): Promise<boolean> => may(managed, "impersonator", { verb: "impersonate", resource: "groups", name });
    expect(await passesOn("drover:group:corp:developers")).toBe(true);
    expect(await passesOn("drover:group:corp:a%20b")).toBe(true);
    expect(await passesOn("system:masters")).toBe(false);
    for (const account of ["impersonator", "guard-probe"]) {
      expect(await may(managed, account, { verb: "list", resource: "pods" })).toBe(false);
      expect(await may(managed, account, { verb: "get", resource: "secrets", namespace: "drover-system" })).toBe(false);
    }
    expect(await may(managed, "guard-probe", { verb: "create", resource: "namespaces" })).toBe(true);
  });

  test("lets the agent request tokens of its two other accounts, and of no further one", async () => {
    const tokens = (name: string): Promise<boolean> =>
      may(managed, "agent", { verb: "create", resource: "serviceaccounts", subresource: "token", name, namespace: "drover-system" });
    expect([await tokens("impersonator"), await tokens("guard-probe"), await tokens("default")]).toEqual([true, true, false]);
  });

  test("tells the hub's own agent to go to the API server directly", () => {
    const config = (objects: readonly KubeObject[]): Record<string, unknown> => {
      const found = objects.find(({ kind }) => kind === "ConfigMap") as unknown as { data: Record<string, string> };
      return JSON.parse(found.data["agent.json"] ?? "") as Record<string, unknown>;
    };
    expect(config(manifest({ hubURL: "https://kubernetes.default.svc" }))).toMatchObject({
      hubURL: "https://kubernetes.default.svc",
      hubCAFile: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    });
    expect(config(manifest())).not.toHaveProperty("hubURL");
  });

  test("refuses a group that no provider can have", () => {
    expect(() => manifest({ ceiling: "view", groups: ["corp: developers"] })).toThrow('no group can be called "corp: developers"');
  });
});
