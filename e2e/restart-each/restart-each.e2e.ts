// Every process of Drover is killed with SIGKILL in turn, just after a grant was applied: it arrives, and its withdrawal too.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed, untilForbidden } from "../harness/answers.ts";
import { dev } from "../harness/command.ts";
import { projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub } from "../harness/kubectl.ts";
import { state } from "../harness/state.ts";
import { not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(240_000);

const template = templateYAML("re-reader", [readPods]);
let where: Site;
let judy: TestUser;

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "re-web");
  judy = await createUser("re-judy");
});

afterAll(async () => {
  await deleteUser("re-judy");
  await where.remove();
  await hub().delete(template);
});

/** The environment is described by what `drover-dev up --clusters east,west --proxies 2` starts. */
const processes = [
  "operator:identity",
  "operator:access",
  "operator:clusters",
  "auth:0",
  "proxy:0",
  "proxy:1",
  "agent:east",
  "agent:west",
  "agent:hub",
];

test("these are all processes of Drover in the environment", () => {
  const ours = Object.keys(state().processes).filter((name) => /^(operator|auth|proxy|agent):/.test(name));
  expect(ours.filter((name) => !name.startsWith("agent:") || ["agent:east", "agent:west", "agent:hub"].includes(name)).sort()).toEqual(
    [...processes].sort(),
  );
});

test.each(processes)("with %s killed while a grant, and then its withdrawal, is on its way, both arrive", async (name) => {
  const binding = projectBinding(where, "judy-reads", "re-reader", user("re-judy"));
  const kubectl = judy.kubectl("east");
  const pods = ["get", "pods", "-n", where.namespace];

  await hub().apply(binding);
  await kill(name);
  await untilAllowed(kubectl, pods, 120_000);

  await hub().delete(binding);
  await kill(name);
  await untilForbidden(kubectl, pods, 120_000);
});

/** SIGKILL, then started again as a supervisor would. */
async function kill(name: string): Promise<void> {
  const pid = state().processes[name]?.pid;
  if (pid === undefined) throw new Error(`there is no process ${name}`);
  process.kill(pid, "SIGKILL");
  await until(`${name} is gone`, () => (isAlive(pid) ? not("alive") : true));
  await dev("start", name);
  expect(state().processes[name]?.pid).not.toBe(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
