// What ends a login, besides its time: seen at auth, with the identity operator running and without it.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { tokenHash, tokenObjectName } from "../lib/identity/token.ts";
import { AuthUnderTest, passwordSecret, SENTINEL, user } from "../test/auth/server.ts";
import type { TestHub } from "../test/hub.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

let under: AuthUnderTest;
let hub: TestHub;
const LOCAL = { apiVersion: "drover.dev/v1alpha1", kind: "AuthProvider", metadata: { name: "local" }, spec: { local: {} } };

beforeAll(async () => {
  under = await AuthUnderTest.start();
  hub = under.hub;
}, 900_000);

afterAll(async () => {
  await under?.stop();
});

const restrict = (access: object): Promise<string> =>
  hub.kubectl(["patch", "authprovider.drover.dev", "local", "--type=merge", "-p", JSON.stringify({ spec: { access } })]);

test("a new password ends the logins that were made with the old one", async () => {
  await under.addUser("nora", `${SENTINEL}-old`);
  const old = await under.tokenOf("nora", `${SENTINEL}-old`);
  expect(await under.statusWith(old)).toBe(200);
  await hub.apply(passwordSecret("nora", { password: `${SENTINEL}-new` }));
  await until(async () => (await under.login("nora", `${SENTINEL}-new`)).status === 200, "the new password is taken");
  expect(await under.statusWith(old)).toBe(401);
  expect(await under.statusWith(await under.tokenOf("nora", `${SENTINEL}-new`))).toBe(200);
});

test("a new password, written as a hash while the operator is away, ends the old logins with the first new one", async () => {
  await under.addUser("olaf", `${SENTINEL}-olaf`);
  const old = await under.tokenOf("olaf", `${SENTINEL}-olaf`);
  await hub.apply(passwordSecret("olaf2", { password: `${SENTINEL}-olaf2` }), user("olaf2"));
  await under.accepted("olaf2", "True");
  const hash = await hub.kubectl(["get", "secret", "olaf2-password", "-n", "drover-system", "-o", "jsonpath={.data.hash}"]);
  await under.withoutOperator(async () => {
    const patch = JSON.stringify({ data: { hash } });
    await hub.kubectl(["patch", "secret", "olaf-password", "-n", "drover-system", "--type=merge", "-p", patch]);
    const fresh = await under.tokenOf("olaf", `${SENTINEL}-olaf2`);
    expect([await under.statusWith(fresh), await under.statusWith(old)]).toEqual([200, 401]);
  });
});

test("the same password applied again ends no login", async () => {
  await under.addUser("pia", `${SENTINEL}-pia`);
  const token = await under.tokenOf("pia", `${SENTINEL}-pia`);
  const before = (await hub.admin.get(User, { name: "pia" })).status?.credential;
  await hub.apply(passwordSecret("pia", { password: `${SENTINEL}-pia` }));
  const plain = ["get", "secret", "pia-password", "-n", "drover-system", "-o", "jsonpath={.data.password}"];
  await until(async () => (await hub.kubectl(plain)) === "", "the plain password is gone");
  expect((await hub.admin.get(User, { name: "pia" })).status?.credential).toBe(before);
  expect(await under.statusWith(token)).toBe(200);
});

test("the session of a deleted user is not valid for a new user of the same name, even with no operator running", async () => {
  await under.addUser("quinn", `${SENTINEL}-quinn`);
  const token = await under.tokenOf("quinn", `${SENTINEL}-quinn`);
  await under.withoutOperator(async () => {
    await hub.kubectl(["delete", "user.drover.dev", "quinn"]);
    await hub.apply(user("quinn"));
    expect(await under.statusWith(token)).toBe(401);
  });
  await until(async () => (await under.login("quinn", `${SENTINEL}-quinn`)).status === 200, "the new user can log in");
  expect(await under.statusWith(token)).toBe(401);
});

test("the session of a deleted provider is not valid for a new provider of the same name", async () => {
  const token = await under.tokenOf("alice", SENTINEL);
  await under.withoutOperator(async () => {
    await hub.kubectl(["delete", "authprovider.drover.dev", "local"]);
    await hub.apply(LOCAL);
    expect(await under.statusWith(token)).toBe(401);
  });
  await until(async () => (await under.login("alice", SENTINEL)).status === 200, "the new provider is accepted");
  expect(await under.statusWith(token)).toBe(401);
});

test("restricting a provider ends the sessions that it would no longer allow, and only these", async () => {
  await under.addUser("rosa", `${SENTINEL}-rosa`);
  const [alice, rosa] = [await under.tokenOf("alice", SENTINEL), await under.tokenOf("rosa", `${SENTINEL}-rosa`)];
  await restrict({ mode: "Required", users: ["alice"] });
  expect([await under.statusWith(alice), await under.statusWith(rosa)]).toEqual([200, 401]);
  const name = tokenObjectName(tokenHash(rosa));
  await until(async () => (await hub.admin.find(Token, { name })) === undefined, "the Token of rosa is deleted");
  await restrict({ mode: "Unrestricted", users: null });
  expect([await under.statusWith(alice), await under.statusWith(rosa)]).toEqual([200, 401]);
});

test("with a provider for users with access somewhere, the session of a user who no longer has any is not valid", async () => {
  await under.addUser("sven", `${SENTINEL}-sven`);
  const token = await under.tokenOf("sven", `${SENTINEL}-sven`);
  await restrict({ mode: "Restricted" });
  expect(await under.statusWith(token)).toBe(401);
  await restrict({ mode: "Unrestricted" });
  expect(await under.statusWith(token)).toBe(200);
});

test("logging out everywhere ends all logins of that user, also with no operator running; the next login works", async () => {
  await under.addUser("tess", `${SENTINEL}-tess`);
  const tokens = await Promise.all([1, 2, 3].map(() => under.tokenOf("tess", `${SENTINEL}-tess`)));
  const alice = await under.tokenOf("alice", SENTINEL);
  await under.withoutOperator(async () => {
    const [first = ""] = tokens;
    expect((await under.send("POST", "/logout", { token: first, body: { all: true } })).status).toBe(204);
    for (const token of tokens) expect(await under.statusWith(token)).toBe(401);
    expect(await under.statusWith(alice)).toBe(200);
    const again = await under.tokenOf("tess", `${SENTINEL}-tess`);
    expect(await under.statusWith(again)).toBe(200);
    // What else auth notes on the User does not take this back.
    expect((await hub.admin.get(User, { name: "tess" })).status).toMatchObject({ loginGeneration: 1 });
  });
});

test("logging out everywhere many times at once counts each, so that a login in between is ended by the later ones", async () => {
  await under.addUser("uwe", `${SENTINEL}-uwe`);
  const tokens = await Promise.all([1, 2, 3, 4].map(() => under.tokenOf("uwe", `${SENTINEL}-uwe`)));
  const replies = await Promise.all(tokens.map((token) => under.send("POST", "/logout", { token, body: { all: true } })));
  const done = replies.filter(({ status }) => status === 204).length;
  // The second may be told that this session has ended already.
  expect(replies.every(({ status }) => status === 204 || status === 401)).toBe(true);
  expect((await hub.admin.get(User, { name: "uwe" })).status?.loginGeneration).toBe(done);
});
