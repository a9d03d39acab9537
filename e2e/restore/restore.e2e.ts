// The hub's etcd is restored from a copy. What was withdrawn since the copy stays withdrawn in the managed cluster, whatever is changed on the
// restored hub, until an administrator accepts the restore; then the restored hub counts, and every login from before is dead.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isForbidden, untilAllowed } from "../harness/answers.ts";
import { dev, drover } from "../harness/command.ts";
import { projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { request } from "../harness/http.ts";
import { hub, type Manifest, managed } from "../harness/kubectl.ts";
import { directory, scratch, state } from "../harness/state.ts";
import { not, until } from "../harness/until.ts";
import { createUser, deleteUser, kubectlWith, login, type TestUser } from "../harness/users.ts";

jest.setTimeout(600_000);

const RESTORE_LIMIT_MS = 180_000;
const template = templateYAML("rs-reader", [readPods]);
const names = ["rs-alice", "rs-bob", "rs-carol", "rs-dave"];
const data = () => join(directory(), "hub", "etcd");
let where: Site;
let users: TestUser[];

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "rs-web");
  users = [];
  for (const name of names) users.push(await createUser(name));
});

afterAll(async () => {
  await start(HUB_PROCESSES);
  await until("the hub answers", () => hub().get("namespace", "default"), RESTORE_LIMIT_MS);
  await acceptRestore();
  await until(
    "clusters are ready",
    () => hub().must(["wait", "--for=condition=Ready", "cluster", "--all", "--timeout=60s"]),
    RESTORE_LIMIT_MS,
  );
  for (const name of names) await deleteUser(name);
  await where.remove();
  await hub().delete(template);
});

const HUB_PLANE = ["etcd:hub", "apiserver:hub", "controller-manager:hub"];
const HUB_PROCESSES = [
  ...HUB_PLANE,
  ...["operator:identity", "operator:access", "operator:clusters", "auth:0", "proxy:0", "proxy:1", "agent:hub"],
];
const start = async (processes: readonly string[]): Promise<void> => {
  for (const name of processes) await dev("start", name);
};
const stop = async (processes: readonly string[]): Promise<void> => {
  for (const name of [...processes].reverse()) await dev("stop", name);
};

const acceptRestore = async (): Promise<{ tokensDeleted: number; clusters: string[] }> => {
  const result = await drover(["hub", "accept-restore", "--kubeconfig", state().hub.adminKubeconfig, "-o", "json"]);
  if (result.code !== 0) throw new Error(`drover hub accept-restore: exit code ${result.code}\n${result.stderr}`);
  return JSON.parse(result.stdout) as { tokensDeleted: number; clusters: string[] };
};

const pods = () => ["get", "pods", "-n", where.namespace];
const reads = (name: string) => projectBinding(where, `${name}-reads`, "rs-reader", user(name));
const subjects = async (): Promise<string[]> => {
  const binding = await managed("east").get<Manifest & { subjects?: { name: string }[] }>(
    "rolebinding",
    "drover:rs-web:rs-reader",
    "-n",
    where.namespace,
  );
  return (binding.subjects ?? []).map(({ name }) => name.replace("drover:user:", "")).sort();
};
const untilSubjects = (what: string, wanted: readonly string[]) =>
  until(
    what,
    async () => {
      const found = await subjects();
      return found.join() === wanted.join() ? true : not(found);
    },
    RESTORE_LIMIT_MS,
  );
interface WithConditions {
  readonly spec: { readonly epoch?: number };
  readonly status?: {
    readonly conditions?: { type: string; status: string; reason: string; message: string }[];
  };
}
const untilRestored = (what: string, type: string, ...object: string[]) =>
  until(
    what,
    async () => {
      const { spec, status } = await hub().get<Manifest & WithConditions>(...object);
      const condition = status?.conditions?.find((one) => one.type === type);
      const isLatest = spec.epoch === undefined || condition?.message.includes(`until epoch ${spec.epoch}`);
      return condition?.reason === "HubRestored" && isLatest ? condition : not(status);
    },
    RESTORE_LIMIT_MS,
  );

test("what was withdrawn after the backup comes back only with an acceptance, and no login survives it", async () => {
  const [alice, bob, carol, dave] = users as [TestUser, TestUser, TestUser, TestUser];
  const [kubectlOfAlice, kubectlOfBob] = [alice.kubectl("east"), bob.kubectl("east")];
  await hub().apply(reads(alice.name), reads(bob.name));
  for (const kubectl of [kubectlOfAlice, kubectlOfBob]) await untilAllowed(kubectl, pods());
  const stolen = await until("alice logs in once more", () => login(alice.name, alice.password));

  await stop(HUB_PLANE);
  cpSync(data(), scratch("etcd-backup"), { recursive: true });
  await start(HUB_PLANE);
  await until("the hub answers", () => hub().get("namespace", "default"), RESTORE_LIMIT_MS);

  await until("alice's binding goes", () => hub().delete(reads(alice.name)), RESTORE_LIMIT_MS);
  await until("carol's binding is made", () => hub().apply(reads(carol.name)), RESTORE_LIMIT_MS);
  await untilSubjects("the withdrawal is in effect", [bob.name, carol.name]);
  const kubectlOfThief = kubectlWith("rs-thief", "east", stolen);
  await until("the stolen token is ended", async () => {
    const { status, body } = await request(`${state().auth.url}/logout`, {
      method: "POST",
      headers: { authorization: `Bearer ${stolen}` },
    });
    return status === 204 || status === 401 ? true : not(`${status} ${body}`);
  });

  await stop(HUB_PROCESSES);
  rmSync(data(), { recursive: true });
  cpSync(scratch("etcd-backup"), data(), { recursive: true });
  await start(HUB_PROCESSES);
  await until("the hub answers", () => hub().get("namespace", "default"), RESTORE_LIMIT_MS);
  const says = await untilRestored("the cluster says that the hub was restored", "Ready", "cluster.drover.dev", "east");
  expect(says.message).toContain("drover hub accept-restore");
  await untilAllowed(kubectlOfBob, pods(), RESTORE_LIMIT_MS);
  expect(await subjects()).toEqual([bob.name, carol.name]);

  await hub().apply(reads(dave.name));
  const set = ["accessset", "project-rs-web", "-n", "cluster-east"];
  await untilSubjects("what is not on the restored hub is withdrawn by its first change", [bob.name]);
  await untilRestored("the set says that it is held back", "Applied", ...set);
  await dev("restart", "agent:east");
  await untilAllowed(kubectlOfBob, pods(), RESTORE_LIMIT_MS);
  for (const kubectl of [kubectlOfAlice, dave.kubectl("east"), kubectlOfThief]) {
    const refused = await kubectl.run(pods());
    // By the managed cluster itself: to the restored hub they are members, and the token is alive.
    expect(refused.stderr).toMatch(/User "drover:user:rs-(alice|dave)" cannot list resource "pods"/);
    expect(isForbidden(refused)).toBe(true);
  }
  expect(await subjects()).toEqual([bob.name]);

  const { tokensDeleted, clusters } = await acceptRestore();
  expect(tokensDeleted).toBeGreaterThanOrEqual(names.length + 1);
  expect(clusters).toContain("east");
  await untilSubjects("the restored hub counts", [alice.name, bob.name, dave.name]);
  for (const kubectl of [kubectlOfAlice, kubectlOfBob, kubectlOfThief]) {
    await until("a token from before is dead", async () => {
      const { code, stderr } = await kubectl.run(pods());
      return code !== 0 && /Unauthorized|must be logged in|provide credentials/i.test(stderr) ? true : not(`${code} ${stderr}`);
    });
  }
  const anew = await until("alice logs in", () => login(alice.name, alice.password), RESTORE_LIMIT_MS);
  await untilAllowed(kubectlWith("rs-alice-anew", "east", anew), pods(), RESTORE_LIMIT_MS);
  await until(
    "clusters are ready",
    () => hub().must(["wait", "--for=condition=Ready", "cluster", "--all", "--timeout=60s"]),
    RESTORE_LIMIT_MS,
  );
});
