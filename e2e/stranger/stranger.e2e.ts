// Who is refused at the proxy, and with which answer: always a Kubernetes Status that kubectl prints well.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isForbidden, untilAllowed } from "../harness/answers.ts";
import { clusterBinding, user } from "../harness/fixtures.ts";
import { type Answer, request } from "../harness/http.ts";
import { hub, managed } from "../harness/kubectl.ts";
import { state } from "../harness/state.ts";
import { Not, not, until } from "../harness/until.ts";
import { createUser, deleteUser, kubectlWith, login, type TestUser } from "../harness/users.ts";

jest.setTimeout(180_000);

const binding = clusterBinding("east", "st-carol-views", "cluster-viewer", user("st-carol"));
let carol: TestUser;

beforeAll(async () => {
  carol = await createUser("st-carol");
  await hub().apply(binding);
  await untilAllowed(carol.kubectl("east"), ["get", "pods", "-A"]);
});

afterAll(async () => {
  await hub().delete(binding);
  await deleteUser("st-carol");
});

const unauthorized = "error: You must be logged in to the server (Unauthorized)\n";

/** What kubectl says with this token, having no cached discovery for it to fall back on. */
const ask = (name: string, cluster: string, token: string | undefined) =>
  kubectlWith(`st-${name}`, cluster, token).run(["get", "--raw", "/api/v1/namespaces/default/pods"]);

const raw = (path: string, headers: Readonly<Record<string, string | string[]>> = {}): Promise<Answer> =>
  request(`${state().proxy.url}${path}`, { headers });

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test.each([
  ["an unknown token", "drv_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
  ["a token of another form", "not-a-token"],
])("%s is refused with 401", async (_what, token) => {
  const result = await ask("wrong", "east", token);
  expect(result.stderr).toBe(unauthorized);
  expect(result.code).toBe(1);
});

test("without a token the answer is 401 and a Status", async () => {
  const answer = await raw("/clusters/east/api/v1/namespaces/default/pods");
  expect(answer.status).toBe(401);
  expect(answer.headers["content-type"]).toMatch(/^application\/json/);
  expect(JSON.parse(answer.body)).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", reason: "Unauthorized", code: 401 });
});

test("a token with one character more, or one less, is refused with 401", async () => {
  for (const token of [`${carol.token}A`, carol.token.slice(0, -1), carol.token.toUpperCase(), ` ${carol.token}`.trimEnd().concat("%20")]) {
    expect((await raw("/clusters/east/version", bearer(token))).status).toBe(401);
  }
  expect((await raw("/clusters/east/version", bearer(carol.token))).status).toBe(200);
});

test("a token that has expired is refused with 401", async () => {
  const token = await login("st-carol", carol.password, { ttlSeconds: 5 });
  if (token instanceof Not) throw new Error(token.seen);
  expect((await ask("short", "east", token)).code).toBe(0);
  const refused = await until("the token expires", async () => {
    const result = await ask("short", "east", token);
    return result.code === 0 ? not("still accepted") : result;
  });
  expect(refused.stderr).toBe(unauthorized);
});

test("after logout the token is refused with 401", async () => {
  const token = await login("st-carol", carol.password);
  if (token instanceof Not) throw new Error(token.seen);
  const out = await request(`${state().auth.url}/logout`, { method: "POST", headers: bearer(token) });
  expect(out.status).toBe(204);
  await until("the token is refused", async () => {
    const { status } = await raw("/clusters/east/version", bearer(token));
    return status === 401 ? true : not(status);
  });
});

test("a token scoped to another cluster is refused with 403", async () => {
  const token = await login("st-carol", carol.password, { clusters: ["west"] });
  if (token instanceof Not) throw new Error(token.seen);
  const result = await ask("scoped", "east", token);
  expect(isForbidden(result)).toBe(true);
  const mine = await login("st-carol", carol.password, { clusters: ["east"] });
  if (mine instanceof Not) throw new Error(mine.seen);
  expect((await ask("mine", "east", mine)).code).toBe(0);
});

test("tokens of ServiceAccounts are refused with 401, the managed cluster's and the hub's", async () => {
  for (const kubectl of [managed("east"), hub()]) {
    const token = (await kubectl.must(["create", "token", "default", "-n", "default"])).trim();
    expect((await ask("service-account", "east", token)).stderr).toBe(unauthorized);
  }
});

test("an unknown cluster and one that carol is no member of get the same 403", async () => {
  const [unknown, forbidden, hubs] = await Promise.all(
    ["nowhere", "west", "hub"].map((cluster) => raw(`/clusters/${cluster}/api/v1/pods`, bearer(carol.token))),
  );
  expect(forbidden?.status).toBe(403);
  const neutral = (answer: Answer | undefined, cluster: string) => answer?.body.replaceAll(cluster, "CLUSTER");
  expect(neutral(unknown, "nowhere")).toBe(neutral(forbidden, "west"));
  expect(neutral(hubs, "hub")).toBe(neutral(forbidden, "west"));
  expect(Object.keys(unknown?.headers ?? {}).sort()).toEqual(Object.keys(forbidden?.headers ?? {}).sort());
  const shown = await ask("forbidden", "west", carol.token);
  expect([shown.code, shown.stderr]).toEqual([1, `Error from server (Forbidden): ${JSON.parse(forbidden?.body ?? "{}").message}\n`]);
});

test("headers that claim an identity are refused with 400, whatever their case", async () => {
  for (const header of [
    "Impersonate-User",
    "impersonate-group",
    "Impersonate-Uid",
    "IMPERSONATE-EXTRA-SCOPES",
    "X-Remote-User",
    "x-remote-group",
  ]) {
    const answer = await raw("/clusters/east/version", { ...bearer(carol.token), [header]: "system:admin" });
    expect([header, answer.status]).toEqual([header, 400]);
    expect(JSON.parse(answer.body)).toMatchObject({ kind: "Status", code: 400 });
  }
  const shown = await carol.kubectl("east").run(["get", "pods", "--as=system:admin"]);
  expect(shown.code).toBe(1);
  expect(shown.stderr).toMatch(/^Error from server \(BadRequest\): /);
});

test("kinds of Authorization other than one bearer token are refused with 401", async () => {
  const values = ["", "Bearer", "Bearer ", "Basic Y2Fyb2w6eA==", carol.token, `Token ${carol.token}`];
  for (const value of values) expect([value, (await raw("/clusters/east/version", { authorization: value })).status]).toEqual([value, 401]);
});

test("paths that could be read in two ways are refused with 400", async () => {
  for (const path of [
    "/clusters/east/../west/api",
    "/clusters/east/api/%2e%2e/%2e%2e/west/api",
    "/clusters//east/api",
    "/clusters/ea%73t/api",
    "/clusters/east/./api",
  ]) {
    const answer = await request(state().proxy.url, { path, headers: bearer(carol.token) });
    expect([path, answer.status]).toEqual([path, 400]);
  }
});
