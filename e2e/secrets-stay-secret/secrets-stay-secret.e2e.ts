// A sentinel password and the token got with it are used in every way a user uses them, and then searched for in every output:
// logs, audit logs, all objects of the hub and of a managed cluster, the processes' arguments.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed } from "../harness/answers.ts";
import { clusterBinding, user } from "../harness/fixtures.ts";
import { postJSON, request } from "../harness/http.ts";
import { hub, type Kubectl, type Manifest, managed } from "../harness/kubectl.ts";
import { state } from "../harness/state.ts";
import { Not, not, until } from "../harness/until.ts";
import { createUser, deleteUser, login, type TestUser, userYAML } from "../harness/users.ts";

jest.setTimeout(240_000);

const PASSWORD = "sentinel-7f3a-correct-horse";
const WRONG = "sentinel-9c1e-wrong-horse";
const LATER = "sentinel-2b8d-another-horse";
const binding = clusterBinding("east", "ss-nina-views", "cluster-viewer", user("ss-nina"));
let nina: TestUser;

beforeAll(async () => {
  nina = await createUser("ss-nina", PASSWORD);
});

afterAll(async () => {
  await hub().delete(binding);
  await deleteUser("ss-nina");
});

interface Secret extends Manifest {
  readonly data?: Readonly<Record<string, string>>;
}
const secret = (): Promise<Secret> => hub().get<Secret>("secret", "ss-nina-password", "-n", "drover-system");
const hash = async () => {
  const { data = {} } = await secret();
  return data.hash && !data.password ? data.hash : not(Object.keys(data));
};

test("a password is hashed in place, its plain text also gone from the annotation of kubectl apply", async () => {
  const hashed = await until("the password is hashed", hash);
  expect(Buffer.from(hashed, "base64").toString("utf8")).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[^$]+\$[^$]+$/);
  const whole = JSON.stringify(await secret());
  expect(whole).not.toContain(PASSWORD);
  expect(whole).not.toContain(Buffer.from(PASSWORD).toString("base64"));
});

test("the same password applied again changes nothing, another one replaces it", async () => {
  const before = await until("the password is hashed", hash);
  await hub().apply(...userYAML("ss-nina", PASSWORD));
  expect(await until("the password is taken out again", hash)).toBe(before);
  await hub().apply(...userYAML("ss-nina", LATER));
  await until("the new password is taken", async () => {
    const now = await hash();
    return now === before ? not("the old hash") : now;
  });
  await until("the new password logs in", () => login("ss-nina", LATER));
  await until("the old one does not", async () => ((await login("ss-nina", PASSWORD)) instanceof Not ? true : not("it does")));
  await hub().apply(...userYAML("ss-nina", PASSWORD));
  await until("the first one again", () => login("ss-nina", PASSWORD));
});

test("no output holds the password, a wrong password, or the token", async () => {
  await hub().apply(binding);
  // The first login ended with the password that it was made with.
  const ended = nina.token;
  nina = await createUser("ss-nina", PASSWORD);
  await untilAllowed(nina.kubectl("east"), ["get", "pods", "-A"]);
  await nina.kubectl("west").run(["get", "pods"]);
  await postJSON(`${state().auth.url}/login/local`, { username: "ss-nina", password: WRONG });
  await postJSON(`${state().auth.url}/login/local?password=${WRONG}`, { username: "nobody-here", password: WRONG });
  await request(`${state().proxy.url}/clusters/east/api?token=${WRONG}`, {
    headers: { authorization: `Bearer ${WRONG}`, "x-remote-user": WRONG },
  });
  const token = await login("ss-nina", PASSWORD);
  if (token instanceof Not) throw new Error(token.seen);
  await request(`${state().auth.url}/logout`, { method: "POST", headers: { authorization: `Bearer ${token}` } });

  const sentinels = [PASSWORD, WRONG, LATER, ended, nina.token, token].flatMap((s) => [
    s,
    Buffer.from(s).toString("base64").replace(/=+$/, ""),
  ]);
  const found: string[] = [];
  for (const [where, text] of await outputs())
    for (const sentinel of sentinels) if (text.includes(sentinel)) found.push(`${where}: ${sentinel}`);
  expect(found).toEqual([]);
});

test("what registered the agents is of no use any more", async () => {
  const { items } = await hub().get<{ items: Secret[] }>("secrets", "-n", "cluster-east");
  for (const { metadata, data = {} } of items) expect([metadata.name, Object.keys(data).includes("token")]).toEqual([metadata.name, false]);
});

/** Everything that Drover and Kubernetes say or store, by where it was found. */
async function outputs(): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const [name, { pid, log }] of Object.entries(state().processes)) {
    all.set(`log of ${name}`, readFileSync(log, "utf8"));
    all.set(`arguments of ${name}`, readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    all.set(`environment of ${name}`, readFileSync(`/proc/${pid}/environ`, "utf8"));
  }
  all.set("audit log of the hub", readFileSync(state().hub.auditLog, "utf8"));
  all.set("audit log of east", readFileSync(state().clusters.east?.auditLog ?? "", "utf8"));
  for (const [name, kubectl] of [
    ["hub", hub()],
    ["east", managed("east")],
  ] as const)
    for (const [kind, text] of await objects(kubectl)) all.set(`${kind} of ${name}`, text);
  return all;
}

async function objects(kubectl: Kubectl): Promise<Map<string, string>> {
  const kinds = (await kubectl.must(["api-resources", "--verbs=list", "-o", "name"])).trim().split("\n");
  const found = new Map<string, string>();
  for (const kind of kinds) {
    const { code, stdout } = await kubectl.run(["get", kind, "-A", "-o", "json", "--show-managed-fields"]);
    // Some kinds list only on a running scheduler or controller (componentstatuses): they hold nothing of ours.
    if (code === 0) found.set(kind, stdout);
  }
  expect(found.has("secrets")).toBe(true);
  return found;
}
