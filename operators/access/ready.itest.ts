// Condition Ready as tools see it: the three operators under their own Roles, on a real hub, with kubectl wait and the rules of kstatus.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { KINDS } from "../../crds/kinds.ts";
import type { Condition, KubeObject } from "../../lib/kube/object.ts";
import { startHub, type TestHub } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

jest.setTimeout(180_000);

let hub: TestHub;
const leaderElection = { leaseDurationSeconds: 8, renewDeadlineSeconds: 6, retryPeriodSeconds: 0.5 };

beforeAll(async () => {
  hub = await startHub({ controllerManager: true });
  const caFile = join(hub.plane.directory, "ca.crt");
  await writeFile(caFile, hub.plane.ca);
  const urls = { authURL: "https://auth.test", proxyURLs: ["https://api.test"], caFile, agentImage: "drover:test" };
  await Promise.all([
    hub.start("operator-identity", { leaderElection }),
    hub.start("operator-clusters", { ...urls, deletionGraceSeconds: 2, leaderElection }),
    hub.start("operator-access", { leaderElection }),
  ]);
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

type WithStatus = KubeObject & {
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
};

/** What people wrote, as it is on the hub now. */
const READY_KINDS = KINDS.filter(({ ready }) => ready !== undefined);
const WRITTEN = READY_KINDS.filter(({ source }) => !source.internal);
async function written(): Promise<readonly WithStatus[]> {
  const names = WRITTEN.map(({ plural }) => `${plural}.drover.dev`).join(",");
  return (JSON.parse(await hub.kubectl(["get", names, "-A", "-o", "json"])) as { items: WithStatus[] }).items;
}
const get = async (...args: string[]): Promise<WithStatus> => JSON.parse(await hub.kubectl(["get", ...args, "-o", "json"])) as WithStatus;
const readyOf = ({ status }: WithStatus) => status?.conditions?.find(({ type }) => type === "Ready");
const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const wait = (...args: string[]): Promise<string> => hub.kubectl(["wait", "--for=condition=Ready", "--timeout=60s", ...args]);

/** As kstatus computes it of a custom resource (sigs.k8s.io/cli-utils, pkg/kstatus/status). */
function kstatus(object: WithStatus): "Current" | "InProgress" | "Failed" | "Terminating" {
  const { metadata, status } = object;
  const holds = (type: string): boolean => status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation) return "InProgress";
  if (holds("Reconciling")) return "InProgress";
  if (holds("Stalled")) return "Failed";
  const ready = readyOf(object);
  return ready === undefined || ready.status === "True" ? "Current" : "InProgress";
}

test("kstatus takes a new object for one in progress before anybody has looked at it", async () => {
  for (const { source } of WRITTEN) {
    const example = JSON.parse(await hub.kubectl(["create", "--dry-run=client", "-o", "json", "-f", "-"], source.example)) as KubeObject;
    const object = { ...example, metadata: { name: "new-one", ...(source.scope === "Namespaced" && { namespace: "default" }) } };
    const made = JSON.parse(
      await hub.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], JSON.stringify(object)),
    ) as WithStatus;
    expect([source.kind, made.status, kstatus(made)]).toEqual([source.kind, { observedGeneration: -1 }, "InProgress"]);
  }
});

test("what a platform team applies becomes ready, or says why not", async () => {
  await hub.kubectl(["apply", "-f", "deploy/examples/team.yaml"]);
  const expected = {
    "AuthProvider corp": ["False", "Unsupported", "nobody can log in through activeDirectory in this version; use type local"],
    "AuthProvider local": ["True", "Ready", ""],
    "Cluster east": ["False", "WaitingForAgent", expect.stringContaining("kubectl drover import east")],
    "ClusterRoleTemplate pod-reader": ["True", "Ready", ""],
    "ClusterRoleTemplateBinding developers-see-nodes": ["True", "Ready", ""],
    "GlobalRole prod-viewer": ["True", "Ready", ""],
    "GlobalRoleBinding root-is-admin": ["False", "SubjectNotFound", "there is no User root"],
    "Project web": ["False", "Unsupported", expect.stringContaining("podSecurity, quota, isolation")],
    "ProjectRoleTemplateBinding alice-reads": ["True", "Ready", ""],
    "User alice": ["True", "Ready", ""],
  };
  const said = async () =>
    Object.fromEntries(
      (await written())
        .filter((one) => nameOf(one) in expected)
        .map((one) => [nameOf(one), [readyOf(one)?.status, readyOf(one)?.reason, readyOf(one)?.message]]),
    );
  let last: unknown;
  await until(async () => {
    last = await said();
    return expect.objectContaining(expected).asymmetricMatch(last);
  }, "everything is ready or says why not").catch(() => expect(last).toEqual(expected));
  await wait("users.drover.dev,globalroles.drover.dev,clusterroletemplates.drover.dev", "--all");
});

test("kstatus follows Ready, and everything that comes with Drover has it for the generation that is there", async () => {
  await until(async () => (await written()).every((one) => one.status?.observedGeneration === one.metadata.generation), "all are observed");
  for (const one of await written()) {
    const ready = readyOf(one);
    expect([nameOf(one), ready?.observedGeneration]).toEqual([nameOf(one), one.metadata.generation]);
    expect([nameOf(one), kstatus(one)]).toEqual([nameOf(one), ready?.status === "True" ? "Current" : "InProgress"]);
    if (ready?.status !== "True") expect([nameOf(one), ready?.message]).not.toEqual([nameOf(one), ""]);
  }
});

test("columns show it", async () => {
  for (const { plural } of READY_KINDS) {
    const [header = ""] = (await hub.kubectl(["get", `${plural}.drover.dev`, "-A"])).split("\n");
    expect([plural, header]).toEqual([plural, expect.stringMatching(/ READY +REASON/)]);
  }
});

test("a changed spec is followed by the generation that Ready is about, and kubectl waits for it", async () => {
  const before = await get("projects.drover.dev", "web", "-n", "cluster-east");
  await hub.kubectl([
    ...["patch", "projects.drover.dev", "web", "-n", "cluster-east", "--type=merge"],
    ...["-p", JSON.stringify({ spec: { podSecurity: null, quota: null, isolation: null } })],
  ]);
  await wait("projects.drover.dev/web", "-n", "cluster-east");
  const after = await get("projects.drover.dev", "web", "-n", "cluster-east");
  expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 1);
  expect(after.status?.observedGeneration).toBe(after.metadata.generation);
  expect(kstatus(after)).toBe("Current");
});

test("a disabled User and a binding that has ended are as they were asked for", async () => {
  await hub.kubectl(["patch", "user.drover.dev", "alice", "--type=merge", "-p", '{"spec":{"enabled":false}}']);
  await until(async () => readyOf(await get("user.drover.dev", "alice"))?.reason === "Disabled", "alice is disabled");
  await wait("user.drover.dev/alice");
  const ends = { spec: { expiresAt: new Date(Date.now() - 1000).toISOString() } };
  await hub.kubectl(["patch", "crtb", "developers-see-nodes", "-n", "cluster-east", "--type=merge", "-p", JSON.stringify(ends)]);
  await until(async () => readyOf(await get("crtb", "developers-see-nodes", "-n", "cluster-east"))?.reason === "Expired", "it has ended");
  const ended = await get("crtb", "developers-see-nodes", "-n", "cluster-east");
  expect(ended.status?.conditions?.map(({ type, status }) => [type, status])).toEqual([
    ["Accepted", "False"],
    ["Ready", "True"],
  ]);
  expect(kstatus(ended)).toBe("Current");
});

test("what somebody else writes into Ready is corrected", async () => {
  const wrong = { type: "Ready", status: "False", reason: "Mine", message: "no", lastTransitionTime: "2026-01-01T00:00:00Z" };
  const { status } = await get("globalrole", "prod-viewer");
  const conditions = (status?.conditions ?? []).map((one) => (one.type === "Ready" ? wrong : one));
  await hub.kubectl([
    "patch",
    "globalrole",
    "prod-viewer",
    "--subresource=status",
    "--type=merge",
    "-p",
    JSON.stringify({ status: { conditions } }),
  ]);
  await until(async () => readyOf(await get("globalrole", "prod-viewer"))?.reason === "Ready", "it is corrected");
});
