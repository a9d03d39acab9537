// Deleting a cluster ends: with an agent that answers, nothing of Drover's is left in the managed cluster; with one that does not, the condition
// says what was left, and the hub's side goes after the grace period. Both clusters are managed clusters of this story's own.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isForbidden, untilAllowed } from "../harness/answers.ts";
import { dev } from "../harness/command.ts";
import { clusterBinding, projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub, type Manifest, managed } from "../harness/kubectl.ts";
import { state } from "../harness/state.ts";
import { type Not, not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(400_000);

const GONE = "gone";
const LOST = "lost";
const template = templateYAML("cd-reader", [readPods]);
let kim: TestUser;
const sites: Site[] = [];

beforeAll(async () => {
  await dev("up", "--clusters", `east,west,${GONE},${LOST}`, "--proxies", "2");
  await hub().apply(template);
  kim = await createUser("cd-kim");
  for (const cluster of [GONE, LOST]) {
    const where = await site(cluster, "cd-web");
    sites.push(where);
    await hub().apply(
      projectBinding(where, "kim-reads", "cd-reader", user("cd-kim")),
      clusterBinding(cluster, "kim-views", "cluster-viewer", user("cd-kim")),
    );
    await untilAllowed(kim.kubectl(cluster), ["get", "pods", "-n", where.namespace]);
  }
});

afterAll(async () => {
  await deleteUser("cd-kim");
  await hub().delete(template);
  for (const name of Object.keys(state().processes).filter((each) => each.endsWith(`:${GONE}`) || each.endsWith(`:${LOST}`)))
    await dev("stop", name);
});

/** Everything in a managed cluster that Drover made, by name, label or group. */
async function remains(cluster: string): Promise<string[]> {
  const kinds = [
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
  ];
  const policies = ["resourcequotas", "limitranges", "networkpolicies"];
  const found: string[] = [];
  for (const kind of [...kinds, ...policies, "namespaces", "secrets", "serviceaccounts"]) {
    const { items } = await managed(cluster).get<{ items: Manifest[] }>(kind, "-A");
    for (const { metadata } of items) {
      const { labels = {} } = metadata as { labels?: Record<string, string> };
      const ours =
        labels["app.kubernetes.io/managed-by"] === "drover" ||
        /^drover[:.-]/.test(metadata.name) ||
        Object.keys(labels).some((l) => l.startsWith("drover.dev/"));
      if (ours) found.push(`${kind}/${metadata.namespace ?? ""}/${metadata.name}`);
    }
  }
  return found;
}

const isGone = (cluster: string) => async (): Promise<true | Not> => {
  const { code, stderr } = await hub().run(["get", "cluster", cluster, "-o", "name"]);
  return code === 1 && stderr.startsWith("Error from server (NotFound)") ? true : not(stderr || "still there");
};

test("deleting a cluster whose agent answers leaves nothing of Drover's in the managed cluster or on the hub", async () => {
  expect((await remains(GONE)).length).toBeGreaterThan(0);
  await hub().must(["delete", "cluster", GONE, "--wait=false"]);
  await until("the Cluster is gone", isGone(GONE), 180_000);
  // The Cluster goes last on the hub: whoever makes one of its name again finds nothing of it.
  const { items } = await hub().get<{ items: Manifest[] }>("namespaces");
  const names = items.map(({ metadata }) => metadata.name);
  expect(names.filter((name) => name === `cluster-${GONE}` || name.startsWith(`project-${GONE}--`))).toEqual([]);
  await until("nothing is left in the managed cluster", async () => {
    const left = await remains(GONE);
    return left.length === 0 ? true : not(left);
  });
  expect(isForbidden(await kim.kubectl(GONE).run(["get", "pods", "-n", "cd-web"]))).toBe(true);
  // What people had in the managed cluster stays theirs.
  await managed(GONE).get("namespace", "cd-web");
});

test("deleting a cluster whose agent does not answer ends as well, and says what is left in the managed cluster", async () => {
  const tornDown = '{.status.conditions[?(@.type=="TornDown")].reason}: {.status.conditions[?(@.type=="TornDown")].message}{"\\n"}';
  const watch = hub().start(["get", "cluster", LOST, "-w", "-o", `jsonpath=${tornDown}`]);
  try {
    await until("the watch has begun", () => (watch.stdout().includes("\n") ? true : not(watch.stderr())));
    await dev("stop", `agent:${LOST}`);
    await hub().must(["delete", "cluster", LOST, "--wait=false"]);
    await until("the Cluster is gone", isGone(LOST), 300_000);
    await until("the condition was seen", () => (/^LeftBehind: .*kubectl delete/m.test(watch.stdout()) ? true : not(watch.stdout())));
  } finally {
    await watch.stop();
  }
  expect((await remains(LOST)).length).toBeGreaterThan(0);
  expect(isForbidden(await kim.kubectl(LOST).run(["get", "pods", "-n", "cd-web"]))).toBe(true);
});
