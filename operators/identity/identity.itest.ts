// The identity operator as a whole process, under its own Role, against a real API server and the real kubectl.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { parsePasswordHash } from "../../lib/identity/password.ts";
import { passwordMatches } from "../../lib/identity/scrypt.ts";
import { tokenHash } from "../../lib/identity/token.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../../lib/kube/connection.ts";
import { Secret } from "../../lib/kube/core.ts";
import { startHub, type TestHub, type TestProcess } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

const SYSTEM = "drover-system";
const PASSWORD = "sentinel-77aa-horse battery";

// Every step waits for a condition; this only ends a test that will never come to one.
jest.setTimeout(120_000);

let hub: TestHub;
let operator: TestProcess;

const user = (name: string, spec: object = { local: { passwordSecret: { name: `${name}-password` } } }): object => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "User",
  metadata: { name },
  spec,
});
const secret = (name: string, stringData: object, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: `${name}-password`, namespace: SYSTEM },
  stringData,
  ...more,
});

const reasonOf = async (name: string): Promise<string | undefined> =>
  (await hub.admin.get(User, { name })).status?.conditions?.find(({ type }) => type === "Accepted")?.reason;
const reason = (name: string, wanted: string): Promise<void> =>
  until(async () => (await reasonOf(name)) === wanted, `User ${name} has reason ${wanted}`);
const stored = (name: string): Promise<Secret> => hub.admin.get(Secret, { name: `${name}-password`, namespace: SYSTEM });
const hashOf = async (name: string): Promise<string> => Buffer.from((await stored(name)).data?.hash ?? "", "base64").toString();

beforeAll(async () => {
  hub = await startHub();
  operator = await hub.start("operator-identity");
}, 900_000);

afterAll(async () => {
  await hub?.stop();
});

test("a plain password is hashed in place, and is gone from the last-applied annotation", async () => {
  await hub.apply(user("alice"), secret("alice", { password: PASSWORD }));
  await reason("alice", "Accepted");
  const { data, metadata } = await stored("alice");
  expect(Object.keys(data ?? {})).toEqual(["hash"]);
  expect(JSON.parse(metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"] ?? "")).not.toHaveProperty("stringData");
  expect(JSON.stringify({ data, metadata })).not.toContain(PASSWORD);
  const hash = parsePasswordHash(await hashOf("alice"));
  expect(hash !== undefined && (await passwordMatches(PASSWORD, hash))).toBe(true);
});

test("the same password applied again changes nothing, by kubectl apply and by server-side apply; another one does", async () => {
  await hub.apply(user("bea"), secret("bea", { password: PASSWORD }));
  await reason("bea", "Accepted");
  const before = await hashOf("bea");
  const gone = () => until(async () => (await stored("bea")).data?.password === undefined, "the plain password is gone");
  await hub.apply(secret("bea", { password: PASSWORD }));
  await gone();
  expect(await hashOf("bea")).toBe(before);
  await hub.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(secret("bea", { password: PASSWORD })));
  await gone();
  expect(await hashOf("bea")).toBe(before);
  await hub.apply(secret("bea", { password: `${PASSWORD} two` }));
  await gone();
  await until(async () => (await hashOf("bea")) !== before, "the hash is another one");
});

test("what is wrong with an account is said, and mends itself when it is put right", async () => {
  await hub.apply(user("carl"));
  await reason("carl", "SecretNotFound");
  await hub.apply(secret("carl", { pin: "1234" }));
  await reason("carl", "SecretInvalid");
  await hub.apply(secret("carl", { password: "short" }));
  await reason("carl", "PasswordTooShort");
  expect((await stored("carl")).data?.hash).toBeUndefined();
  await hub.apply(secret("carl", { password: "" }));
  await reason("carl", "PasswordTooShort");
  // kubectl does not take a key of stringData out again, so the Secret is created again.
  await hub.kubectl(["delete", "secret", "carl-password", "-n", SYSTEM]);
  await hub.apply(secret("carl", { hash: "scrypt$1024$8$1$AAAA$BBBB" }));
  await reason("carl", "SecretInvalid");
  await hub.apply(secret("carl", { password: "long enough now" }));
  await reason("carl", "Accepted");
  await hub.apply(user("carl", { enabled: false, local: { passwordSecret: { name: "carl-password" } } }));
  await reason("carl", "Disabled");
  await hub.apply(user("carl", { enabled: true }));
  await reason("carl", "Accepted");
});

test("a longer minimum counts for the next password, not for those that are hashed", async () => {
  await hub.apply(user("dana"), secret("dana", { password: "fourteen chars" }));
  await reason("dana", "Accepted");
  await hub.apply({
    apiVersion: "drover.dev/v1alpha1",
    kind: "AuthProvider",
    metadata: { name: "local" },
    spec: { local: { minPasswordLength: 20 } },
  });
  await until(async () => {
    const { status } = await hub.admin.get(AuthProvider, { name: "local" });
    return status?.conditions?.[0]?.status === "True";
  }, "AuthProvider local is accepted");
  expect(await reasonOf("dana")).toBe("Accepted");
  await hub.apply(secret("dana", { password: "fifteen chars !" }));
  await reason("dana", "PasswordTooShort");
});

test("the Secret of a provider is not taken for a User's password", async () => {
  await hub.apply(
    {
      apiVersion: "drover.dev/v1alpha1",
      kind: "AuthProvider",
      metadata: { name: "corp" },
      spec: {
        ldap: {
          servers: ["dc1.corp.test"],
          bind: { username: "cn=drover", passwordSecret: { name: "eve-password" } },
          userSearchBase: "dc=corp",
        },
      },
    },
    secret("eve", { password: "the directory's own password" }),
    user("eve"),
  );
  await reason("eve", "SecretNotAllowed");
  expect((await stored("eve")).data?.password).toBeDefined();
  const { status } = await hub.admin.get(AuthProvider, { name: "corp" });
  await until(
    async () => (await hub.admin.get(AuthProvider, { name: "corp" })).status?.conditions?.[0]?.reason === "Unsupported",
    "corp is Unsupported",
  );
  expect(status?.conditions?.[0]?.status ?? "False").toBe("False");
});

test("tokens that ran out, or whose user is gone or disabled, are deleted; others stay", async () => {
  await hub.apply(user("finn", { enabled: true }), user("gone", { enabled: true }), user("off", { enabled: true }));
  // The admission policy lets nobody but auth make Tokens.
  const asAuth = new KubeClient(await connectionFromKubeconfig(await hub.kubeconfigOf("auth")));
  const make = async (name: string, expiresAt: string): Promise<string> => {
    const hash = tokenHash(`${name} ${expiresAt}`);
    const [user, provider] = await Promise.all([hub.admin.get(User, { name }), hub.admin.get(AuthProvider, { name: "local" })]);
    const uids = { userUID: user.metadata.uid ?? "", providerUID: provider.metadata.uid ?? "" };
    const spec = { hash, user: name, provider: "local", ...uids, loginGeneration: 0, kind: "Login" as const, expiresAt };
    const { metadata } = await asAuth.create(Token, {
      apiVersion: "drover.dev/v1alpha1",
      kind: "Token",
      metadata: { name: `t-${hash.slice(0, 32)}` },
      spec,
    });
    return metadata.name;
  };
  const later = "2100-01-01T00:00:00Z";
  const [stays, ofGone, ofOff] = [await make("finn", later), await make("gone", later), await make("off", later)];
  const soon = await make("finn", new Date(Date.now() + 2000).toISOString());
  await hub.kubectl(["delete", "user.drover.dev", "gone"]);
  await hub.apply(user("off", { enabled: false }));
  for (const name of [ofGone, ofOff, soon])
    await until(async () => (await hub.admin.find(Token, { name })) === undefined, `Token ${name} is deleted`);
  expect(await hub.admin.find(Token, { name: stays })).toBeDefined();
  await asAuth.close();
});

test("a second operator that takes over writes nothing, because nothing is left to do", async () => {
  const versions = async (): Promise<string> => {
    const lists = await Promise.all([
      hub.admin.list(User),
      hub.admin.list(Token),
      hub.admin.list(AuthProvider),
      hub.admin.list(Secret, { namespace: SYSTEM }),
    ]);
    return lists.flatMap(({ items }) => items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)).join("\n");
  };
  const before = await versions();
  await operator.stop();
  operator = await hub.start("operator-identity");
  await until(async () => (await operator.output()).includes('"leading"'), "the second operator leads");
  // A change is worked off after everything that was there at the start.
  await hub.apply(user("zoe", {}));
  await reason("zoe", "Accepted");
  expect(
    (await versions())
      .split("\n")
      .filter((line) => !line.startsWith("zoe "))
      .join("\n"),
  ).toBe(before);
});

test("the operator's log holds no password, no hash, and no error", async () => {
  const output = await operator.output();
  for (const text of [
    PASSWORD,
    Buffer.from(PASSWORD).toString("base64"),
    "long enough now",
    "$scrypt$ln=",
    "scrypt$32768",
    '"level":"error"',
  ])
    expect(output).not.toContain(text);
});
