import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ConnectionError, KubeClient } from "./client.ts";
import { connectionFromKubeconfig, endpointOf, tokenFromFile } from "./connection.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-connection-"));
});
afterAll(() => rm(directory, { recursive: true }));

const file = async (name: string, content: unknown): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const kubeconfig = (cluster: object, user: object = {}, name = "x") => ({
  clusters: [{ name, cluster }],
  users: [{ name, user }],
  contexts: [{ name, context: { cluster: name, user: name } }],
  "current-context": name,
});
const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const server = "https://hub.example:6443/clusters/east";

test("server with path prefix, authority, server name, static token and impersonation are used", async () => {
  const cluster = { server, "certificate-authority-data": Buffer.from(PEM).toString("base64"), "tls-server-name": "hub" };
  const connection = await connectionFromKubeconfig(await file("whole", kubeconfig(cluster, { token: "secret", as: "alice" })));
  expect(connection).toMatchObject({ server, ca: PEM, serverName: "hub", headers: { "impersonate-user": "alice" } });
  expect(await connection.token?.()).toBe("secret");
});

test("the endpoint of a connection includes its outbound proxy, and no credentials", async () => {
  const cluster = { server, "certificate-authority-data": Buffer.from(PEM).toString("base64"), "tls-server-name": "hub" };
  const whole = kubeconfig({ ...cluster, "proxy-url": "http://proxy.example:3128" }, { token: "secret", as: "alice" });
  const place = endpointOf(await connectionFromKubeconfig(await file("place", whole)));
  expect(place).toEqual({ server, ca: PEM, serverName: "hub", proxyURL: expect.stringMatching(/^http:\/\/proxy\.example:3128/) });
});

test("a server whose certificate would not be verified, or without TLS, is refused", async () => {
  const use = async (cluster: object) => connectionFromKubeconfig(await file("refused", kubeconfig(cluster)));
  await expect(use({ server, "insecure-skip-tls-verify": true })).rejects.toThrow("insecure-skip-tls-verify");
  await expect(use({ server: "http://hub.example" })).rejects.toThrow("https");
});

test("a context can be named, and one that does not exist is an error that names it", async () => {
  const one = kubeconfig({ server: "https://one.example" }, {}, "one");
  const two = kubeconfig({ server: "https://two.example" }, {}, "two");
  const both = {
    ...one,
    clusters: [...one.clusters, ...two.clusters],
    users: [...one.users, ...two.users],
    contexts: [...one.contexts, ...two.contexts],
  };
  const path = await file("both", both);
  expect((await connectionFromKubeconfig(path)).server).toBe("https://one.example");
  expect((await connectionFromKubeconfig(path, "two")).server).toBe("https://two.example");
  await expect(connectionFromKubeconfig(path, "three")).rejects.toThrow('"three"');
});

test("of several files in KUBECONFIG the first that defines a name wins, and missing files are ignored", async () => {
  const before = process.env.KUBECONFIG;
  const first = await file("first", kubeconfig({ server: "https://first.example" }));
  const second = await file("second", { ...kubeconfig({ server: "https://second.example" }), "current-context": "other" });
  process.env.KUBECONFIG = ["", join(directory, "missing"), first, second].join(":");
  try {
    expect((await connectionFromKubeconfig()).server).toBe("https://first.example");
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
  }
});

test("the path of a token file is relative to its kubeconfig", async () => {
  await file("robot.token", "from-file\n");
  const connection = await connectionFromKubeconfig(await file("with-file", kubeconfig({ server }, { tokenFile: "robot.token" })));
  expect(await connection.token?.()).toBe("from-file");
});

test("a token file is read again after a few seconds, and while it cannot be read the last token stays in use", async () => {
  let now = 0;
  const path = await file("rotating", "first");
  const token = tokenFromFile(path, undefined, () => now);
  expect(await token()).toBe("first");
  await file("rotating", "second");
  expect(await token()).toBe("first");
  now += 6_000;
  expect(await token()).toBe("second");
  await rm(path);
  now += 6_000;
  expect(await token()).toBe("second");
  await file("rotating", "third");
  expect(await token()).toBe("third");
  await expect(tokenFromFile(join(directory, "never"))()).rejects.toThrow("ENOENT");
});

test("a client certificate that cannot be used, as while it and its key are being replaced, fails the request and nothing else", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const user = { "client-certificate": await file("alice.crt", PEM), "client-key": await file("alice.key", key) };
  const client = new KubeClient(
    await connectionFromKubeconfig(await file("rotating", kubeconfig({ server: "https://127.0.0.1:1" }, user))),
  );
  try {
    const error = await client.request("GET", "/version").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain("asn1");
  } finally {
    await client.close();
  }
});
