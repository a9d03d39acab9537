// An agent that starts while the hub is down goes on from the copy it keeps: nothing is pruned, drift is corrected, and an end date that
// passes meanwhile ends the access it was for.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed } from "../harness/answers.ts";
import { dev } from "../harness/command.ts";
import { projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub, type Manifest, managed } from "../harness/kubectl.ts";
import { state } from "../harness/state.ts";
import { always, not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(300_000);

const ENDS_AFTER_MS = 45_000;
const template = templateYAML("aa-reader", [readPods]);
let where: Site;
let heidi: TestUser;
let ivan: TestUser;

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "aa-web");
  [heidi, ivan] = [await createUser("aa-heidi"), await createUser("aa-ivan")];
});

afterAll(async () => {
  await dev("start", "apiserver:hub");
  await until("the hub answers", () => hub().get("namespace", "default"));
  for (const name of ["aa-heidi", "aa-ivan"]) await deleteUser(name);
  await where.remove();
  await hub().delete(template);
});

const get = ["rolebinding", "drover:aa-web:aa-reader"];
const subjects = async (): Promise<string[]> => {
  const binding = await managed("east").get<Manifest & { subjects?: { name: string }[] }>(...get, "-n", where.namespace);
  return (binding.subjects ?? []).map(({ name }) => name).sort();
};

test("an agent restarted without the hub prunes nothing, corrects drift, and ends what ends", async () => {
  const expiresAt = new Date(Date.now() + ENDS_AFTER_MS).toISOString().replace(/\.\d+Z$/, "Z");
  await hub().apply(
    projectBinding(where, "heidi-reads", "aa-reader", user("aa-heidi")),
    projectBinding(where, "ivan-reads", "aa-reader", user("aa-ivan"), { expiresAt }),
  );
  for (const each of [heidi, ivan]) await untilAllowed(each.kubectl("east"), ["get", "pods", "-n", where.namespace]);
  expect(await subjects()).toEqual(["drover:user:aa-heidi", "drover:user:aa-ivan"]);

  await dev("stop", "apiserver:hub");
  const { pid } = state().processes["agent:east"] ?? {};
  await dev("restart", "agent:east");
  expect(state().processes["agent:east"]?.pid).not.toBe(pid);

  await managed("east").must(["delete", ...get, "-n", where.namespace]);
  await until("the agent, alone, applies its copy again", async () => {
    const names = await subjects();
    return names.includes("drover:user:aa-heidi") ? true : not(names);
  });
  await until(
    "ivan's access ends at its date",
    async () => {
      const names = await subjects();
      return names.includes("drover:user:aa-ivan") ? not(names) : true;
    },
    ENDS_AFTER_MS + 60_000,
  );
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
  await always(
    "heidi's access stays",
    async () => ((await subjects()).join() === "drover:user:aa-heidi" ? true : not(await subjects())),
    5_000,
  );

  await dev("start", "apiserver:hub");
  await until("the hub answers", () => hub().get("namespace", "default"));
  await untilAllowed(heidi.kubectl("east"), ["get", "pods", "-n", where.namespace], 120_000);
  expect(await subjects()).toEqual(["drover:user:aa-heidi"]);
});
