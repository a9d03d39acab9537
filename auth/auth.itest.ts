// auth and the identity operator as whole processes, under their own Roles, against a real API server.
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { connect as connectPlain } from "node:net";
import { connect as connectTLS } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { ClusterRegistration } from "../crds/v1alpha1/clusterregistration.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { AGENT_KEY_ANNOTATION } from "../lib/access/names.ts";
import { agentTokenText, fingerprint, registerText } from "../lib/identity/agent-key.ts";
import { isToken, tokenHash } from "../lib/identity/token.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { ServiceAccount } from "../lib/kube/core.ts";
import { AuthUnderTest, expectStatus, PROXY, type Reply, SENTINEL, type Sending } from "../test/auth/server.ts";
import type { TestHub, TestProcess } from "../test/hub.ts";
import { until } from "../test/until.ts";

// Every step waits for a condition; this only ends a test that will never come to one.
jest.setTimeout(120_000);

let under: AuthUnderTest;
let hub: TestHub;
let auth: TestProcess;
let identity: TestProcess;

const send: AuthUnderTest["send"] = (...request) => under.send(...request);
const login: AuthUnderTest["login"] = (...request) => under.login(...request);
const tokenOf: AuthUnderTest["tokenOf"] = (...request) => under.tokenOf(...request);
const addUser: AuthUnderTest["addUser"] = (...request) => under.addUser(...request);
const accepted: AuthUnderTest["accepted"] = (...request) => under.accepted(...request);

beforeAll(async () => {
  under = await AuthUnderTest.start();
  ({ hub, auth, identity } = under);
}, 900_000);

afterAll(async () => {
  await under?.stop();
});

describe("login", () => {
  test("a name and a password give a token, which the hub knows by its hash only", async () => {
    const { status, body, headers } = await login("alice", SENTINEL);
    expect(status).toBe(200);
    const token = body.token as string;
    expect(isToken(token)).toBe(true);
    expect(headers["cache-control"]).toBe("no-store");
    const stored = await hub.admin.get(Token, { name: `t-${tokenHash(token).slice(0, 32)}` });
    const { status: account, metadata } = await hub.admin.get(User, { name: "alice" });
    const provider = await hub.admin.get(AuthProvider, { name: "local" });
    expect(stored.spec).toEqual({
      ...{ hash: tokenHash(token), user: "alice", userUID: metadata.uid, provider: "local", providerUID: provider.metadata.uid },
      ...{ credential: account?.credential, loginGeneration: 0, kind: "Login", expiresAt: body.expiresAt },
    });
    expect(stored.spec.credential).toMatch(/^[0-9a-f]{16}$/);
    const lifetime = Date.parse(body.expiresAt as string) - Date.now();
    expect(Math.abs(lifetime - 43_200_000)).toBeLessThan(60_000);
    expect((await hub.admin.get(User, { name: "alice" })).status?.lastLoginTime).toBeDefined();
  });

  test("ttlSeconds and clusters narrow the token; more than the maximum is refused", async () => {
    const token = await tokenOf("alice", SENTINEL, { ttlSeconds: 90, clusters: ["east", "west", "east"] });
    const { spec } = await hub.admin.get(Token, { name: `t-${tokenHash(token).slice(0, 32)}` });
    expect(spec.clusters).toEqual(["east", "west"]);
    expect(Math.abs(Date.parse(spec.expiresAt) - Date.now() - 90_000)).toBeLessThan(30_000);
    expectStatus(await login("alice", SENTINEL, { ttlSeconds: 604_801 }), 400, "BadRequest");
  });

  test("a wrong password, an unknown user, a disabled one and one without a password get the same bytes", async () => {
    await addUser("dora", `${SENTINEL}-dora`);
    await hub.apply({ apiVersion: "drover.dev/v1alpha1", kind: "User", metadata: { name: "nopass" }, spec: {} });
    await hub.kubectl(["patch", "user.drover.dev", "dora", "--type=merge", "-p", '{"spec":{"enabled":false}}']);
    await accepted("dora", "False");
    const replies = [
      await login("alice", "not the password"),
      await login("nobody", SENTINEL),
      await login("dora", `${SENTINEL}-dora`),
      await login("nopass", SENTINEL),
      await login("Not/A Name", SENTINEL),
    ];
    for (const reply of replies) expectStatus(reply, 401, "Unauthorized");
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  });

  test("an empty password is never a login", async () => {
    expectStatus(await login("alice", ""), 401, "Unauthorized");
  });

  test("providers that are unknown or take no password are refused by name", async () => {
    await hub.apply({
      apiVersion: "drover.dev/v1alpha1",
      kind: "AuthProvider",
      metadata: { name: "sso" },
      spec: { oidc: { issuer: "https://sso.test", clientID: "drover", clientSecret: { name: "x" } } },
    });
    const body = { username: "alice", password: SENTINEL };
    expectStatus(await send("POST", "/login/nowhere", { body }), 404, "NotFound");
    expectStatus(await send("POST", "/login/sso", { body }), 400, "BadRequest");
    const { body: known } = await send("GET", "/.well-known/drover");
    expect(known).toEqual({ apiURL: PROXY, providers: [{ name: "local", type: "local" }] });
  });

  test("a provider that is restricted to some lets only those in", async () => {
    await addUser("greta", `${SENTINEL}-greta`);
    const restrict = (access: object) =>
      hub.kubectl(["patch", "authprovider.drover.dev", "local", "--type=merge", "-p", JSON.stringify({ spec: { access } })]);
    await restrict({ mode: "Required", users: ["alice"] });
    expectStatus(await login("greta", `${SENTINEL}-greta`), 401, "Unauthorized");
    expect((await login("alice", SENTINEL)).status).toBe(200);
    await restrict({ mode: "Unrestricted", users: null });
    expect((await login("greta", `${SENTINEL}-greta`)).status).toBe(200);
  });
});

describe("what is sent", () => {
  test.each<[string, Sending, number]>([
    ["no JSON", { raw: `{"username": "${SENTINEL}` }, 400],
    ["another type", { raw: SENTINEL, headers: { "content-type": "text/plain" } }, 415],
    ["an unknown field", { body: { username: "alice", password: SENTINEL, [SENTINEL]: 1 } }, 400],
    ["a number as name", { body: { username: 7, password: SENTINEL } }, 400],
    ["no password", { body: { username: "alice" } }, 400],
    ["ttlSeconds as text", { body: { username: "alice", password: SENTINEL, ttlSeconds: "60" } }, 400],
    ["a cluster that cannot be one", { body: { username: "alice", password: SENTINEL, clusters: ["a--b"] } }, 400],
    ["__proto__", { raw: `{"username":"alice","password":"${SENTINEL}","__proto__":{"x":1}}` }, 400],
    ["deep nesting", { raw: `{"username":${"[".repeat(8000)}${"]".repeat(8000)},"password":"x"}` }, 400],
  ])("%s is refused without a word of it in the answer", async (_, sending, code) => {
    const reply = await send("POST", "/login/local", sending);
    expect(reply.body).toMatchObject({ kind: "Status", code });
    expect(reply.text).not.toContain(SENTINEL);
  });

  test("a body of more than 16 KiB is refused before it is read", async () => {
    const reply = await send("POST", "/login/local", { body: { username: "alice", password: "x".repeat(17_000) } });
    expectStatus(reply, 413, "RequestEntityTooLarge");
  });

  test("an unknown path is a Status too", async () => {
    expectStatus(await send("GET", "/nowhere"), 404, "NotFound");
    expectStatus(await send("PUT", "/login/local", { body: {} }), 404, "NotFound");
  });
});

describe("brute force", () => {
  test("timing is the same for an unknown user and for a wrong password", async () => {
    const times: Record<string, number[]> = { alice: [], "no-such-user": [] };
    for (let round = 0; round < 9; round++) {
      for (const name of Object.keys(times)) {
        const from = `127.0.1.${round + 1}`;
        const start = performance.now();
        expect((await login(name, "wrong password", {}, from)).status).toBe(401);
        times[name]?.push(performance.now() - start);
      }
    }
    const median = (list: number[] = []): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
    const [known, unknown] = [median(times.alice), median(times["no-such-user"])];
    // The check itself takes the longest by far; without it the unknown user would be answered in a tenth of the time.
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  test("a client that keeps guessing has to wait, is told how long, and does not keep the victim out", async () => {
    const guesses: number[] = [];
    for (let n = 0; n < 12; n++) guesses.push((await login("alice", `guess ${n}`, {}, "127.0.2.1")).status);
    expect(guesses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(guesses).toContain(429);
    const reply = await login("alice", SENTINEL, {}, "127.0.2.1");
    expectStatus(reply, 429, "TooManyRequests");
    expect(Number(reply.headers["retry-after"])).toBeGreaterThan(0);
    expect((await login("alice", SENTINEL)).status).toBe(200);
  });
});

describe("tokens", () => {
  test("each login gives another token, logging out kills exactly that one", async () => {
    const [one, two] = [await tokenOf("alice", SENTINEL), await tokenOf("alice", SENTINEL)];
    expect(one).not.toBe(two);
    expect((await send("POST", "/logout", { token: one })).status).toBe(204);
    expectStatus(await send("GET", "/clusters", { token: one }), 401, "Unauthorized");
    expectStatus(await send("POST", "/logout", { token: one }), 401, "Unauthorized");
    expect((await send("GET", "/clusters", { token: two })).status).toBe(200);
  });

  test("nothing of a token is on the hub but its hash", async () => {
    const token = await tokenOf("alice", SENTINEL);
    const everything = await hub.kubectl(["get", "tokens.drover.dev,users.drover.dev,events", "-A", "-o", "json", "--show-managed-fields"]);
    expect(everything).toContain(tokenHash(token));
    expect(everything).not.toContain(token);
    expect(everything).not.toContain(token.slice(4));
  });

  test.each(["", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", `Bearer drv_${"a".repeat(43)}`, `Bearer drv_${"a".repeat(43)} `, "bearer x"])(
    "%j is no token",
    async (authorization) => {
      const reply = await send("GET", "/clusters", { headers: { authorization } });
      expectStatus(reply, 401, "Unauthorized");
      expect(reply.headers["www-authenticate"]).toBe("Bearer");
    },
  );

  test("a real token with a byte more, or less, is none", async () => {
    const token = await tokenOf("alice", SENTINEL);
    for (const wrong of [`${token}x`, token.slice(0, -1), ` ${token}`, `${token},${token}`])
      expect((await send("GET", "/clusters", { token: wrong })).status).toBe(401);
  });

  test("a token dies with its user being disabled, at once for auth, and its object goes", async () => {
    await addUser("fritz", `${SENTINEL}-fritz`);
    const token = await tokenOf("fritz", `${SENTINEL}-fritz`);
    await hub.kubectl(["patch", "user.drover.dev", "fritz", "--type=merge", "-p", '{"spec":{"enabled":false}}']);
    expectStatus(await send("GET", "/clusters", { token }), 401, "Unauthorized");
    await until(
      async () => (await hub.admin.find(Token, { name: `t-${tokenHash(token).slice(0, 32)}` })) === undefined,
      "the Token is deleted",
    );
  });

  test("a token that ran out is refused, and its object goes", async () => {
    const token = await tokenOf("alice", SENTINEL, { ttlSeconds: 1 });
    await until(async () => (await send("GET", "/clusters", { token })).status === 401, "the token has run out");
    await until(
      async () => (await hub.admin.find(Token, { name: `t-${tokenHash(token).slice(0, 32)}` })) === undefined,
      "the Token is deleted",
    );
  });
});

describe("clusters", () => {
  test("a user sees the clusters whose members name them, within the scope of the token", async () => {
    for (const name of ["east", "north", "west"]) await addCluster(name);
    await hub.apply(members("east", ["alice"]), members("north", ["bob"]), members("west", [], true));
    const all = await tokenOf("alice", SENTINEL);
    await until(
      async () => ((await send("GET", "/clusters", { token: all })).body.clusters as unknown[]).length === 2,
      "both clusters are listed",
    );
    const { body } = await send("GET", "/clusters", { token: all });
    expect(body).toEqual({
      apiURL: PROXY,
      clusters: [
        { name: "east", displayName: "Cluster east", ready: false },
        { name: "west", displayName: "Cluster west", ready: false },
      ],
    });
    const narrow = await tokenOf("alice", SENTINEL, { clusters: ["west", "north"] });
    expect((await send("GET", "/clusters", { token: narrow })).body.clusters).toMatchObject([{ name: "west" }]);
  });
});

describe("agents", () => {
  const REGISTRATION = "r".repeat(43);
  const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

  test("an agent registers its key with the token, and gets a hub token of its own account by signing a nonce", async () => {
    await addRegistration("river", REGISTRATION);
    const key = newKey();
    const reply = await register("river", REGISTRATION, key);
    expect(reply.body).toEqual({ fingerprint: fingerprint(rawKey(key)) });
    const { status } = await hub.admin.get(ClusterRegistration, { name: "agent", namespace: "cluster-river" });
    expect(status).toMatchObject({
      publicKey: rawKey(key).toString("base64"),
      fingerprint: fingerprint(rawKey(key)),
      observedGeneration: 1,
      conditions: [
        { type: "Ready", status: "True", reason: "Ready", observedGeneration: 1 },
        { type: "Registered", status: "True", reason: "Registered", observedGeneration: 1 },
      ],
    });

    const answer = await agentToken("river", key);
    expect(answer.status).toBe(200);
    const claims = JSON.parse(Buffer.from((answer.body.token as string).split(".")[1] ?? "", "base64url").toString());
    expect(claims.sub).toBe("system:serviceaccount:cluster-river:agent");
    expect(claims.aud).toContain(`drover.dev/agent-key/${fingerprint(rawKey(key))}`);
    const own = new KubeClient({ server: hub.plane.server, ca: hub.plane.ca, token: async () => answer.body.token as string });
    expect(await own.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body: REVIEW })).toMatchObject({
      status: { userInfo: { username: "system:serviceaccount:cluster-river:agent" } },
    });
    await own.close();
    expect(Math.abs(claims.exp - claims.iat - 3600)).toBeLessThan(5);
  });

  test("the registration token works for its one cluster, once, and not for another key", async () => {
    await addRegistration("lake", "l".repeat(43));
    await addRegistration("pond", "p".repeat(43));
    const [key, thief] = [newKey(), newKey()];
    const wrong = await register("pond", "l".repeat(43), key);
    expectStatus(wrong, 403, "Forbidden");
    expectStatus(await register("nowhere", "l".repeat(43), key), 403, "Forbidden");
    expect((await register("lake", "l".repeat(43), key)).status).toBe(200);
    // The answer may have been lost: the same key may ask again.
    expect((await register("lake", "l".repeat(43), key)).status).toBe(200);
    expectStatus(await register("lake", "l".repeat(43), thief), 403, "Forbidden");
    expectStatus(await agentToken("lake", thief), 403, "Forbidden");
    expectStatus(await agentToken("pond", key), 403, "Forbidden");
    const { status } = await hub.admin.get(ClusterRegistration, { name: "agent", namespace: "cluster-lake" });
    expect(status?.publicKey).toBe(rawKey(key).toString("base64"));
  });

  test("two agents that race for one name do not both win", async () => {
    await addRegistration("race", "q".repeat(43));
    const keys = Array.from({ length: 6 }, newKey);
    const replies = await Promise.all(keys.map((key) => register("race", "q".repeat(43), key)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403, 403, 403]);
    const winner = keys[replies.findIndex(({ status }) => status === 200)] as Pair;
    expect((await agentToken("race", winner)).status).toBe(200);
  });

  test("a registration token that ran out, and a signature by another key, are refused", async () => {
    await addRegistration("late", "t".repeat(43), { expiresAt: "2020-01-01T00:00:00Z" });
    expectStatus(await register("late", "t".repeat(43), newKey()), 403, "Forbidden");
    await addRegistration("signed", "s".repeat(43));
    const [claimed, used] = [newKey(), newKey()];
    const reply = await send("POST", "/agents/signed/register", {
      body: {
        token: "s".repeat(43),
        publicKey: rawKey(claimed).toString("base64"),
        signature: signed(used, registerText("signed", "s".repeat(43))),
      },
    });
    expectStatus(reply, 403, "Forbidden");
    const { status } = await hub.admin.get(ClusterRegistration, { name: "agent", namespace: "cluster-signed" });
    expect(status?.publicKey).toBeUndefined();
  });

  test("a nonce is good once, for its cluster only, and a made-up one never", async () => {
    await addRegistration("brook", "b".repeat(43));
    const key = newKey();
    await register("brook", "b".repeat(43), key);
    const nonce = (await send("POST", "/agents/brook/challenge")).body.nonce as string;
    const body = { nonce, signature: signed(key, agentTokenText("brook", nonce)) };
    expect((await send("POST", "/agents/brook/token", { body })).status).toBe(200);
    expectStatus(await send("POST", "/agents/brook/token", { body }), 403, "Forbidden");
    const other = (await send("POST", "/agents/river/challenge")).body.nonce as string;
    const borrowed = { nonce: other, signature: signed(key, agentTokenText("brook", other)) };
    expectStatus(await send("POST", "/agents/brook/token", { body: borrowed }), 403, "Forbidden");
  });

  test("an agent gets no token of an account that was made for another key, or for none yet", async () => {
    await addRegistration("delta", "d".repeat(43));
    const key = newKey();
    expect((await register("delta", "d".repeat(43), key)).status).toBe(200);
    await makeAccountFor("delta", fingerprint(rawKey(newKey())));
    expectStatus(await agentToken("delta", key), 503, "ServiceUnavailable");
    await makeAccountFor("delta", fingerprint(rawKey(key)));
    expect((await agentToken("delta", key)).status).toBe(200);
  });

  test("with approval Manual an agent gets nothing until an administrator approves it", async () => {
    await addRegistration("slow", "m".repeat(43), { approval: "Manual" });
    const key = newKey();
    expect((await register("slow", "m".repeat(43), key)).status).toBe(200);
    expectStatus(await agentToken("slow", key), 403, "Forbidden");
    await hub.kubectl([
      "-n",
      "cluster-slow",
      "patch",
      "clusterregistration",
      "agent",
      "--type=merge",
      "-p",
      '{"spec":{"approval":"Automatic"}}',
    ]);
    expect((await agentToken("slow", key)).status).toBe(200);
  });
});

describe("connections that only wait", () => {
  test("a source that opens hundreds of connections is cut off, others go on, and silent ones are closed", async () => {
    const { port } = new URL(auth.url);
    const idle = Array.from({ length: 300 }, () => connectPlain({ host: "127.0.0.1", port: Number(port), localAddress: "127.0.3.1" }));
    const silent = connectTLS({
      ca: hub.plane.ca,
      socket: connectPlain({ host: "127.0.0.1", port: Number(port), localAddress: "127.0.3.3" }),
    });
    let closed = 0;
    for (const socket of [...idle, silent])
      socket
        .resume()
        .on("error", () => undefined)
        .on("close", () => void closed++);
    await until(() => closed >= 200, "all but a hundred are closed at once");
    expect((await login("alice", SENTINEL)).status).toBe(200);
    await until(() => closed === 301, "those that never spoke are closed, also the one that shook hands");
  });

  test("a request that comes in drop by drop is ended", async () => {
    const { port } = new URL(auth.url);
    const plain = connectPlain({ host: "127.0.0.1", port: Number(port), localAddress: "127.0.3.2" });
    const socket = connectTLS({ ca: hub.plane.ca, socket: plain });
    let answer = "";
    const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.on("data", (part: Buffer) => (answer += part.toString())).on("error", () => undefined);
    socket.write("POST /login/local HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
    const drip = setInterval(() => socket.write(" "), 200);
    await ended;
    clearInterval(drip);
    expect(answer).toContain("408");
  });
});

test("no secret in any output of auth and the identity operator, nor in any object but the hash", async () => {
  const token = await tokenOf("alice", SENTINEL);
  await login("alice", `${SENTINEL}-wrong`);
  await login(`${SENTINEL}`, "a password typed as a name");
  const outputs = (await Promise.all([auth.output(), identity.output()])).join("\n");
  expect(outputs).toContain('"action":"login"');
  const objects = await hub.kubectl([
    "get",
    "secrets,events,users.drover.dev,tokens.drover.dev,authproviders.drover.dev,clusterregistrations.drover.dev",
    ...["-A", "-o", "json", "--show-managed-fields"],
  ]);
  for (const secret of [SENTINEL, token, "r".repeat(43)]) {
    for (const form of [secret, Buffer.from(secret).toString("base64"), encodeURIComponent(secret)]) {
      expect(outputs).not.toContain(form);
      expect(objects).not.toContain(form);
    }
  }
  expect(outputs).not.toContain(tokenHash(token));
});

// What an agent is, as far as auth knows.
interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
const newKey = (): Pair => generateKeyPairSync("ed25519");
const rawKey = ({ publicKey }: Pair): Buffer => publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const signed = ({ privateKey }: Pair, text: string): string => sign(null, Buffer.from(text), privateKey).toString("base64");

const register = async (cluster: string, token: string, key: Pair): Promise<Reply> => {
  const reply = await send("POST", `/agents/${cluster}/register`, {
    body: { token, publicKey: rawKey(key).toString("base64"), signature: signed(key, registerText(cluster, token)) },
  });
  if (reply.status === 200) await makeAccountFor(cluster, fingerprint(rawKey(key)));
  return reply;
};

/** As the clusters operator does when a key came on record. */
async function makeAccountFor(cluster: string, keyFingerprint: string): Promise<void> {
  const annotations = { [AGENT_KEY_ANNOTATION]: keyFingerprint };
  await hub.admin.patch(
    ServiceAccount,
    { name: "agent", namespace: `cluster-${cluster}` },
    { metadata: { annotations } },
    { type: "merge" },
  );
}

async function agentToken(cluster: string, key: Pair): Promise<Reply> {
  const nonce = (await send("POST", `/agents/${cluster}/challenge`)).body.nonce as string;
  return send("POST", `/agents/${cluster}/token`, { body: { nonce, signature: signed(key, agentTokenText(cluster, nonce)) } });
}

async function addCluster(name: string): Promise<void> {
  await hub.apply(
    { apiVersion: "v1", kind: "Namespace", metadata: { name: `cluster-${name}`, labels: { "drover.dev/backs-cluster": name } } },
    { apiVersion: "drover.dev/v1alpha1", kind: "Cluster", metadata: { name }, spec: { displayName: `Cluster ${name}`, import: {} } },
  );
}

const members = (cluster: string, users: string[], everyone = false): object => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterMembers",
  metadata: { name: "members", namespace: `cluster-${cluster}` },
  spec: { users, groups: [], everyone },
});

/** What the clusters operator makes for a cluster, as far as auth needs it. */
async function addRegistration(cluster: string, token: string, more: object = {}): Promise<void> {
  const namespace = `cluster-${cluster}`;
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "drover:agent-token-minter" };
  await addCluster(cluster);
  await hub.apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "agent", namespace } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "auth", namespace },
      roleRef: role,
      subjects: [{ kind: "ServiceAccount", name: "auth", namespace: "drover-system" }],
    },
    {
      apiVersion: "drover.dev/v1alpha1",
      kind: "ClusterRegistration",
      metadata: { name: "agent", namespace },
      spec: { tokenHash: createHash("sha256").update(token).digest("hex"), expiresAt: "2100-01-01T00:00:00Z", ...more },
    },
  );
}
