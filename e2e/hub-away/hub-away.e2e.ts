// The hub's API server is away for half a minute: kubectl through the proxy goes on for cached tokens, what was granted in the managed clusters
// stays and its drift is corrected, and whatever is applied afterwards arrives.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isForbidden, untilAllowed, untilForbidden } from "../harness/answers.ts";
import { dev } from "../harness/command.ts";
import { projectBinding, readPods, runningPod, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub, managed } from "../harness/kubectl.ts";
import { always, not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(300_000);

const AWAY_MS = 30_000;
const template = templateYAML("ha-reader", [readPods]);
let where: Site;
let frank: TestUser;
let grace: TestUser;

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "ha-web");
  await runningPod(where, "front");
  [frank, grace] = [await createUser("ha-frank"), await createUser("ha-grace")];
  await hub().apply(projectBinding(where, "frank-reads", "ha-reader", user("ha-frank")));
  for (const replica of [0, 1]) await untilAllowed(frank.kubectl("east", replica), ["get", "pods", "-n", where.namespace]);
});

afterAll(async () => {
  await dev("start", "apiserver:hub");
  await until("the hub answers", () => hub().get("namespace", "default"));
  for (const name of ["ha-frank", "ha-grace"]) await deleteUser(name);
  await where.remove();
  await hub().delete(template);
});

test("users, managed clusters and drift correction go on without the hub, and everything arrives after it", async () => {
  const kubectl = frank.kubectl("east");
  const watch = kubectl.start(["get", "pods", "-n", where.namespace, "-w", "-o", "name"]);
  await until("the watch has begun", () => (watch.stdout().includes("pod/front") ? true : not(watch.stderr())));
  await dev("stop", "apiserver:hub");
  expect((await hub().run(["get", "namespaces"])).code).toBe(1);

  const binding = ["rolebinding", "drover:ha-web:ha-reader", "-n", where.namespace];
  await managed("east").must(["delete", ...binding]);
  await until("the deleted binding is created again without the hub", () => managed("east").get(...binding));
  let turn = 0;
  await always(
    "frank reads pods through either replica, and grace does not",
    async () => {
      const replica = turn++ % 2;
      const allowed = await frank.kubectl("east", replica).run(["get", "pods", "-n", where.namespace]);
      if (allowed.code !== 0) return not(allowed.stderr);
      const refused = await grace.kubectl("east", replica).run(["get", "pods", "-n", where.namespace]);
      return isForbidden(refused) ? true : not(refused.stdout + refused.stderr);
    },
    AWAY_MS,
  );
  expect(watch.hasEnded()).toBe(false);
  await watch.stop();

  await dev("start", "apiserver:hub");
  await until("the hub answers", () => hub().get("namespace", "default"));
  const late = projectBinding(where, "grace-reads", "ha-reader", user("ha-grace"));
  await until("a binding can be applied", () => hub().apply(late));
  await untilAllowed(grace.kubectl("east"), ["get", "pods", "-n", where.namespace], 120_000);
  await hub().delete(late);
  await untilForbidden(grace.kubectl("east"), ["get", "pods", "-n", where.namespace]);
  await until("clusters are ready", () => hub().must(["wait", "--for=condition=Ready", "cluster", "--all", "--timeout=90s"]), 120_000);
  expect((await kubectl.run(["get", "pods", "-n", where.namespace])).code).toBe(0);
});
