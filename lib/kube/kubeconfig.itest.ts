// Kubeconfigs as users have them, against a real API server, compared with kubectl on the same file.
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { startOutboundProxy } from "../../test/outbound-proxy.ts";
import { until } from "../../test/until.ts";
import { type ApiError, KubeClient } from "./client.ts";
import { connectionFromKubeconfig } from "./connection.ts";
import { Namespace, ServiceAccount } from "./core.ts";

jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
let adminUser: Fields;
let robotToken: string;

type Fields = Readonly<Record<string, unknown>>;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
  const { cert, key } = plane.clientCertificate("root", ["system:masters"]);
  adminUser = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
  const account = { name: "robot", namespace: "default" };
  await until(async () => (await admin.find(Namespace, { name: "default" })) !== undefined, "namespace default");
  await admin.create(ServiceAccount, { apiVersion: "v1", kind: "ServiceAccount", metadata: account });
  robotToken = (await admin.requestToken(account, { expirationSeconds: 3600 })).token;
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});

const file = async (name: string, content: string): Promise<string> => {
  await mkdir(join(plane.directory, "k"), { recursive: true });
  const path = join(plane.directory, "k", name);
  await writeFile(path, content, { mode: 0o700 });
  return path;
};

const kubeconfig = (user: Fields, cluster: Fields = {}, context: Fields = {}): Promise<string> =>
  file(
    "config",
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: plane.server, "certificate-authority-data": base64(plane.ca), ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", ...context } }],
      "current-context": "x",
    }),
  );

interface Who {
  readonly username?: string | undefined;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[];
  readonly extra?: Fields;
}
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/** The user that the API server sees for kubectl; undefined when kubectl gets no answer. */
const kubectlIs = (config: string): Promise<Who | undefined> =>
  new Promise((resolve) => {
    const env = { KUBECONFIG: config, HOME: "/nonexistent", PATH: "/usr/bin:/bin" };
    execFile(join(plane.binaries, "kubectl"), ["auth", "whoami", "-o", "json"], { env }, (error, stdout) =>
      resolve(error === null ? who(JSON.parse(stdout)) : undefined),
    );
  });

async function droverIs(config: string): Promise<Who> {
  const client = new KubeClient(await connectionFromKubeconfig(config));
  try {
    return who(await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body: REVIEW }));
  } finally {
    await client.close();
  }
}

/** Without what differs from connection to connection. */
function who(review: unknown): Who {
  const { username, uid, groups, extra } = (review as { status: { userInfo: Who } }).status.userInfo;
  return { username, uid, groups: [...(groups ?? [])].sort(), extra: extra ?? {} };
}

const credential = (status: Fields): string =>
  JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status });
const plugin = async (name: string, script: string, more: Fields = {}): Promise<Fields> => ({
  exec: {
    apiVersion: "client.authentication.k8s.io/v1",
    interactiveMode: "Never",
    command: await file(name, `#!/bin/sh\n${script}\n`),
    ...more,
  },
});

/** For each: the fields under test, the kubeconfig, and the resulting user. */
type Case = readonly [fields: string, make: () => Promise<{ user: Fields; cluster?: Fields; context?: Fields }>, wanted: Who];
const robot = { username: "system:serviceaccount:default:robot" };
const honoured: readonly Case[] = [
  ["token", async () => ({ user: { token: robotToken } }), robot],
  ["tokenFile", async () => ({ user: { tokenFile: await file("token", `${robotToken}\n`) } }), robot],
  ["tokenFile, which wins over token", async () => ({ user: { token: "stale", tokenFile: await file("token", robotToken) } }), robot],
  ["tokenFile, relative to the kubeconfig", async () => ({ user: { tokenFile: `./${basename(await file("t", robotToken))}` } }), robot],
  ["client-certificate-data, client-key-data", async () => ({ user: adminUser }), { username: "root" }],
  [
    "client-certificate, client-key",
    async () => {
      const { cert, key } = plane.clientCertificate("alice");
      return { user: { "client-certificate": await file("a.crt", cert), "client-key": await file("a.key", key) } };
    },
    { username: "alice" },
  ],
  [
    "client-certificate-data, which wins over client-certificate",
    async () => {
      const { cert, key } = plane.clientCertificate("alice");
      return { user: { "client-certificate-data": base64(cert), "client-key": await file("a.key", key) } };
    },
    { username: "alice" },
  ],
  ["as", async () => ({ user: { ...adminUser, as: "zoë" } }), { username: "zoë" }],
  [
    "as, as-groups, as-uid, as-user-extra",
    async () => ({
      user: {
        ...adminUser,
        as: "alice",
        "as-uid": "1234-5678",
        "as-groups": ["developers", "operators, senior", "Größe"],
        "as-user-extra": { "example.org/reason": ["on call", "incident"], "example.org/größe%": ["1"], none: [] },
      },
    }),
    {
      username: "alice",
      uid: "1234-5678",
      groups: ["Größe", "developers", "operators, senior", "system:authenticated"],
      extra: { "example.org/reason": ["on call", "incident"], "example.org/größe%": ["1"] },
    },
  ],
  ["exec", async () => ({ user: await plugin("exec-token", `echo '${credential({ token: robotToken })}'`) }), robot],
  [
    "exec with a certificate",
    async () => {
      const { cert, key } = plane.clientCertificate("alice");
      const out = await file("cert.json", credential({ clientCertificateData: cert, clientKeyData: key }));
      return { user: await plugin("exec-cert", `cat ${out}`) };
    },
    { username: "alice" },
  ],
  [
    "exec of v1beta1, with args and env, by a relative command",
    async () => {
      await plugin("relative", `test "$1 $WHERE" = "get there" && echo '${credential({ token: robotToken }).replace("/v1", "/v1beta1")}'`);
      const exec = { apiVersion: "client.authentication.k8s.io/v1beta1", command: "./relative", args: ["get"] };
      return { user: { exec: { ...exec, env: [{ name: "WHERE", value: "there" }] } } };
    },
    robot,
  ],
  ["exec beside a token, which wins", async () => ({ user: { token: robotToken, ...(await plugin("never", "exit 3")) } }), robot],
  ["tls-server-name", async () => ({ user: { token: robotToken }, cluster: { "tls-server-name": "kubernetes.default.svc" } }), robot],
  [
    "certificate-authority",
    async () => ({
      user: { token: robotToken },
      cluster: { "certificate-authority-data": null, "certificate-authority": await file("ca.crt", plane.ca) },
    }),
    robot,
  ],
  ["disable-compression", async () => ({ user: { token: robotToken }, cluster: { "disable-compression": true } }), robot],
  [
    "extensions, namespace",
    async () => ({
      user: { token: robotToken, extensions: [{ name: "a", extension: {} }] },
      cluster: { extensions: [{ name: "a", extension: {} }] },
      context: { namespace: "shop", extensions: [] },
    }),
    robot,
  ],
];

test.each(honoured)("%s: the API server sees the same user for Drover as for kubectl", async (_, make, wanted) => {
  const { user, cluster, context } = await make();
  const config = await kubeconfig(user, cluster, context);
  const kubectl = await kubectlIs(config);
  expect(kubectl).toMatchObject(wanted);
  expect(await droverIs(config)).toEqual(kubectl);
});

test("an impersonated group gives its permissions, with the same kubeconfig as kubectl", async () => {
  const user = { ...adminUser, as: "somebody", "as-groups": ["system:masters"] };
  const client = new KubeClient(await connectionFromKubeconfig(await kubeconfig(user)));
  expect((await client.list(Namespace)).items.length).toBeGreaterThan(0);
  await client.close();
});

test("a plugin with provideClusterInfo gets the same cluster information as from kubectl, and one without gets none", async () => {
  const cluster = {
    "tls-server-name": "kubernetes",
    extensions: [{ name: "client.authentication.k8s.io/exec", extension: { audience: "a" } }],
  };
  const told = async (provideClusterInfo: boolean, ask: (config: string) => Promise<unknown>): Promise<unknown> => {
    const seen = join(plane.directory, "k", "seen");
    const script = `echo "$KUBERNETES_EXEC_INFO" > ${seen}; echo '${credential({ token: robotToken })}'`;
    await ask(await kubeconfig(await plugin("info", script, { provideClusterInfo }), cluster));
    return JSON.parse(await readFile(seen, "utf8"));
  };
  for (const provide of [true, false]) expect(await told(provide, droverIs)).toEqual(await told(provide, kubectlIs));
});

test("a plugin runs again once the server refuses its credential, or the credential expires, and not before", async () => {
  const runs = await file("runs", "");
  const answer = await file("answer", credential({ token: robotToken }));
  const user = await plugin("counting", `echo run >> ${runs}; cat ${answer}`);
  const client = new KubeClient(await connectionFromKubeconfig(await kubeconfig(user)));
  const ask = () => client.list(Namespace).catch((error: unknown) => (error as ApiError).code);
  const count = async (): Promise<number> => (await readFile(runs, "utf8")).split("\n").length - 1;
  for (const _ of [1, 2, 3]) expect(await ask()).toBe(403);
  expect(await count()).toBe(1);
  await client.close();

  await file("answer", credential({ token: "not a token" }));
  const refused = new KubeClient(await connectionFromKubeconfig(await kubeconfig(user)));
  expect(await refused.list(Namespace).catch((error: unknown) => (error as ApiError).code)).toBe(401);
  await file("answer", credential({ token: robotToken, expirationTimestamp: "2020-01-01T00:00:00Z" }));
  const before = await count();
  for (const _ of [1, 2]) expect(await refused.list(Namespace).catch((error: unknown) => (error as ApiError).code)).toBe(403);
  expect(await count()).toBeGreaterThanOrEqual(before + 2);
  await refused.close();
});

test("proxy-url is used, whatever the environment says, by Drover as by kubectl; no error contains the password", async () => {
  const squid = await startOutboundProxy([]);
  if (squid === undefined) return void process.stderr.write("not tested without squid: sudo apt-get install squid\n");
  try {
    const config = await kubeconfig({ token: robotToken }, { "proxy-url": squid.url });
    expect(await kubectlIs(config)).toMatchObject(robot);
    expect(await droverIs(config)).toMatchObject(robot);
    await until(async () => (await squid.tunnels()).length === 2, "squid has written what it did");
    const tunnel = { target: new URL(plane.server).host, user: squid.user, status: "200" };
    expect(await squid.tunnels()).toEqual([tunnel, tunnel]);
    const wrong = await kubeconfig({ token: robotToken }, { "proxy-url": squid.url.replace("%3A", "%3Bsecret") });
    const error = await droverIs(wrong).catch((reason: Error) => reason);
    expect(String(error)).toContain(`the proxy ${squid.host} answered CONNECT ${tunnel.target} with 407`);
    expect(inspect(error, { depth: 9 })).not.toContain("secret");
  } finally {
    await squid.stop();
  }
});

test("with only the issuing certificate as its authority the API server is reached as with kubectl", async () => {
  const root = Authority.create("company root");
  const issuing = root.intermediate("issuing");
  const issued = issuing.certificate({ commonName: "api" }, ["server"], ["127.0.0.1", "localhost"]);
  // The API server takes new serving files into use by itself.
  await writeFile(join(plane.directory, "apiserver.key"), issued.key);
  await writeFile(join(plane.directory, "apiserver.crt"), issued.cert + issuing.cert);
  const config = await kubeconfig({ token: robotToken }, { "certificate-authority-data": base64(issuing.cert) });
  await until(async () => (await kubectlIs(config))?.username === robot.username, "kubectl is answered", 90_000);
  expect(await droverIs(config)).toMatchObject(robot);
});
