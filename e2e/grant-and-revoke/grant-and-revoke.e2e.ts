// A binding gives access and its deletion ends it, seen with kubectl only: for a user who has nothing else in the cluster (the
// proxy refuses), and for one who keeps another binding there (the managed cluster's own API server refuses).
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed, untilForbidden } from "../harness/answers.ts";
import {
  clusterBinding,
  namespaceYAML,
  projectBinding,
  readPods,
  runningPod,
  type Site,
  site,
  templateYAML,
  user,
} from "../harness/fixtures.ts";
import { hub, managed } from "../harness/kubectl.ts";
import { not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(180_000);

const template = templateYAML("gr-reader", [readPods]);
let web: Site;
let shop: Site;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  await hub().apply(template);
  [web, shop] = [await site("east", "gr-web"), await site("east", "gr-shop")];
  await runningPod(web, "front");
  [alice, bob] = [await createUser("gr-alice"), await createUser("gr-bob")];
});

afterAll(async () => {
  await deleteUser("gr-alice");
  await deleteUser("gr-bob");
  await web.remove();
  await shop.remove();
  await managed("east").delete(namespaceYAML("gr-late"));
  await hub().delete(template);
});

const pods = (where: Site): string[] => ["get", "pods", "-n", where.namespace, "-o", "name"];

test("a user with no binding in the cluster is not let in, then is, then is not again", async () => {
  const kubectl = bob.kubectl("east");
  expect((await untilForbidden(kubectl, pods(web))).stderr).not.toContain("drover:user:gr-bob");
  const binding = projectBinding(web, "bob-reads", "gr-reader", user("gr-bob"));
  await hub().apply(binding);
  expect((await untilAllowed(kubectl, pods(web))).stdout).toBe("pod/front\n");
  await hub().delete(binding);
  await untilForbidden(kubectl, pods(web));
});

test("for a user with another binding both answers come from the managed cluster's API server", async () => {
  const kubectl = alice.kubectl("east");
  const keeps = projectBinding(shop, "alice-keeps", "gr-reader", user("gr-alice"));
  await hub().apply(keeps);
  await untilAllowed(kubectl, pods(shop));
  const refused = await untilForbidden(kubectl, pods(web));
  expect(refused.stderr).toBe(
    'Error from server (Forbidden): pods is forbidden: User "drover:user:gr-alice" cannot list resource "pods" in API group "" in the namespace "gr-web"\n',
  );

  const binding = projectBinding(web, "alice-reads", "gr-reader", user("gr-alice"));
  await hub().apply(binding);
  await untilAllowed(kubectl, pods(web));
  await hub().delete(binding);
  expect((await untilForbidden(kubectl, pods(web))).stderr).toBe(refused.stderr);
  expect((await kubectl.run(pods(shop))).code).toBe(0);
  await hub().delete(keeps);
});

test("a project's binding reaches a namespace that joins the project later, and gives nothing elsewhere", async () => {
  const kubectl = alice.kubectl("east");
  const binding = projectBinding(web, "alice-later", "gr-reader", user("gr-alice"));
  await hub().apply(binding);
  await untilAllowed(kubectl, pods(web));
  await managed("east").apply(namespaceYAML("gr-late", "gr-web"));
  await untilAllowed(kubectl, ["get", "pods", "-n", "gr-late"]);
  await untilForbidden(kubectl, ["get", "pods", "-A"]);
  await untilForbidden(kubectl, ["get", "pods", "-n", "kube-system"]);
  await untilForbidden(kubectl, ["delete", "pod", "front", "-n", web.namespace]);
  await managed("east").must(["label", "namespace", "gr-late", "drover.dev/project-"]);
  await untilForbidden(kubectl, ["get", "pods", "-n", "gr-late"]);
  await hub().delete(binding);
});

test("a cluster binding gives access to the whole of one cluster and to no other", async () => {
  const binding = clusterBinding("east", "gr-bob-views", "cluster-viewer", user("gr-bob"));
  await hub().apply(binding);
  await untilAllowed(bob.kubectl("east"), ["get", "pods", "-A"]);
  await untilForbidden(bob.kubectl("west"), ["get", "pods", "-A"]);
  await hub().delete(binding);
  await untilForbidden(bob.kubectl("east"), ["get", "pods", "-A"]);
});

test("kubectl auth can-i and whoami answer as the managed cluster sees the user", async () => {
  const binding = projectBinding(web, "alice-can", "gr-reader", user("gr-alice"));
  await hub().apply(binding);
  const kubectl = alice.kubectl("east");
  await until("alice may list pods", async () => {
    const { stdout, stderr } = await kubectl.run(["auth", "can-i", "list", "pods", "-n", web.namespace]);
    return stdout === "yes\n" ? true : not(stdout + stderr);
  });
  expect((await kubectl.run(["auth", "can-i", "delete", "pods", "-n", web.namespace])).stdout).toBe("no\n");
  const who = JSON.parse(await kubectl.must(["auth", "whoami", "-o", "json"])) as {
    status: { userInfo: { username: string; groups: string[] } };
  };
  expect(who.status.userInfo.username).toBe("drover:user:gr-alice");
  expect(who.status.userInfo.groups).toContain("system:authenticated");
  await hub().delete(binding);
});
