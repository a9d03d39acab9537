// What agents, and clients that claim to be agents, ask of the hub through the proxy process, under its own Role.
import { connect as connectHttp2 } from "node:http2";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { keyAudience } from "../../lib/identity/agent-key.ts";
import { isNotFound } from "../../lib/kube/client.ts";
import { ConfigMap, ServiceAccount } from "../../lib/kube/core.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import { agentTokenOf, putKeyOnRecord, registerAgent, withdrawKey } from "../../test/agent.ts";
import { startHub, type TestHub } from "../../test/hub.ts";
import { until } from "../../test/until.ts";
import { AgentTokens } from "./agent-tokens.ts";
import { HubKeys } from "./hub-keys.ts";

jest.setTimeout(120_000);

const RBAC = "rbac.authorization.k8s.io";
let hub: TestHub;
let port: number;
/** The agents' hub tokens. */
let east: string;
let west: string;

const setsOf = (cluster: string): string => `/apis/drover.dev/v1alpha1/namespaces/cluster-${cluster}/accesssets`;
const leaseOf = (cluster: string): string => `/apis/coordination.k8s.io/v1/namespaces/cluster-${cluster}/leases/agent`;

beforeAll(async () => {
  hub = await startHub();
  for (const cluster of ["east", "west"]) {
    await registerAgent(hub, cluster);
    const spec = { scope: "Cluster", epoch: 1, history: ["1-00000000"], part: 1, parts: 1, bindings: [], index: { sets: ["cluster"] } };
    const metadata = { name: "cluster", namespace: `cluster-${cluster}` };
    await hub.apply({ apiVersion: "drover.dev/v1alpha1", kind: AccessSet.kind, metadata, spec });
  }
  await hub.apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "unrelated", namespace: "default" } },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: "makes-configmaps" },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["create"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "makes-configmaps" },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "makes-configmaps" },
      subjects: [{ kind: "ServiceAccount", name: "unrelated", namespace: "default" }],
    },
  );
  [east, west] = [await agentTokenOf(hub, "east"), await agentTokenOf(hub, "west")];
  const proxy = await hub.start("proxy", {
    ...{ replicaId: "proxy-0", tls: await hub.servingFiles() },
    limits: { agentWrittenBytesPerMinute: 64 * 1024 },
  });
  port = Number(new URL(proxy.url).port);
  await until(async () => statusOf(await get("west", setsOf("west"), west)) === 200, "west reads its sets");
}, 900_000);

afterAll(async () => {
  await hub?.stop();
}, 60_000);

/** Writes bytes to the proxy, and gives what comes back until the first whole answer or the end of the connection. */
function write(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca: hub.plane.ca, ALPNProtocols: ["http/1.1"] }, () => {
      socket.write(Buffer.from(bytes, "latin1"));
    });
    socket.on("data", (piece: Buffer) => {
      text += piece.toString("latin1");
      if (isWhole(text)) socket.end();
    });
    socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
    socket.on("close", () => resolve(text));
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end));
  return length === null ? text.endsWith("0\r\n\r\n") : text.length >= end + 4 + Number(length[1]);
}

const head = (cluster: string, method: string, path: string, token: string, more = ""): string =>
  `${method} /agents/${cluster}/hub${path} HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;
const get = (cluster: string, path: string, token: string): Promise<string> => write(head(cluster, "GET", path, token));
const chunked = (body: string): string => `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);

/** The same over HTTP/2: DATA behind a GET, without a content-length. */
function overHttp2(path: string, token: string, body: string): Promise<number> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: hub.plane.ca });
  return new Promise<number>((resolve, reject) => {
    const stream = session.request({ ":method": "GET", ":path": path, authorization: `Bearer ${token}` }, { endStream: false });
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.on("error", reject);
    stream.resume();
    stream.end(body);
  }).finally(() => session.destroy());
}

const claimsOf = (cluster: string): string =>
  `e30.${Buffer.from(JSON.stringify({ sub: `system:serviceaccount:cluster-${cluster}:agent` })).toString("base64url")}.x`;

function configMapPost(name: string, token: string): string {
  const object = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
  return (
    `POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${object.length}\r\n\r\n${object}`
  );
}

/** Whether the hub has the object, once a later request through the same proxy was answered. */
async function exists(name: string): Promise<boolean> {
  for (let i = 0; i < 5; i++) await get("west", setsOf("west"), west);
  try {
    await hub.admin.get(ConfigMap, { namespace: "default", name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

describe("request smuggling into the hub", () => {
  test.each(["HTTP/1.1", "HTTP/2"])("a forged token smuggles no request behind a GET, over %s", async (version) => {
    const { token } = await hub.admin.requestToken({ namespace: "default", name: "unrelated" });
    const name = `smuggled-${version.replace(/\W/g, "").toLowerCase()}`;
    const inner = configMapPost(name, token);
    const path = `/agents/east/hub${setsOf("east")}`;
    const status =
      version === "HTTP/2"
        ? await overHttp2(path, claimsOf("east"), inner)
        : statusOf(await write(head("east", "GET", setsOf("east"), claimsOf("east"), CHUNKED) + chunked(inner)));
    expect([400, 401]).toContain(status);
    expect(await exists(name)).toBe(false);
  });

  test("an agent does not make another agent's connection answer with its own objects", async () => {
    // The hub holds a request for a version of the future for some seconds: meanwhile west asks, and must not get that answer.
    const inner = `GET ${setsOf("east")}?resourceVersion=999999999 HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ${east}\r\n\r\n`;
    const smuggled = write(head("east", "GET", `${setsOf("east")}/cluster`, east, CHUNKED) + chunked(inner));
    await smuggled;
    const answers = await Promise.all(Array.from({ length: 8 }, () => get("west", setsOf("west"), west)));
    for (const answer of answers) {
      expect(statusOf(answer)).toBe(200);
      expect(answer).not.toContain("cluster-east");
    }
  });

  test("an agent does not have another agent's request, token included, read as the body of its own", async () => {
    const body =
      '{"status":{"conditions":[{"type":"Applied","status":"True","reason":"Applied","lastTransitionTime":"2026-01-01T00:00:00Z","message":"';
    // Its length reaches some hundred bytes into what follows on the connection.
    const inner =
      `PATCH ${setsOf("east")}/cluster/status?fieldManager=agent&force=true HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ${east}\r\n` +
      `Content-Type: application/merge-patch+json\r\nContent-Length: ${body.length + 400}\r\n\r\n${body}`;
    await write(head("east", "GET", setsOf("east"), east, CHUNKED) + chunked(inner));
    const answer = await get("west", setsOf("west"), west);
    expect(statusOf(answer)).toBe(200);
    expect(answer).toContain("cluster-west");
  });
});

/** How many TokenReviews the hub has answered so far. */
async function reviews(): Promise<number> {
  const metrics = String(await hub.admin.request("GET", "/metrics"));
  const counts = metrics
    .split("\n")
    .filter((line) => line.startsWith("apiserver_request_total{") && line.includes('resource="tokenreviews"'));
  return counts.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

const dial = (cluster: string, token: string): Promise<string> =>
  write(
    `GET /agents/${cluster}/tunnel HTTP/1.1\r\nHost: proxy\r\nConnection: Upgrade\r\nUpgrade: drover-tunnel/1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );

describe("TokenReviews", () => {
  test("are not caused by forged tokens, however right their claims look", async () => {
    const [head, claims] = east.split(".");
    const before = await reviews();
    for (let i = 0; i < 20; i++) {
      const forged = `${head}.${claims}.${Buffer.from(`forged ${i}`).toString("base64url")}`;
      expect(statusOf(await dial("east", forged))).toBe(401);
      expect(statusOf(await get("east", setsOf("east"), forged))).toBe(401);
    }
    expect(await reviews()).toBe(before);
  });

  test("are not made for each request of an agent", async () => {
    expect(statusOf(await get("east", setsOf("east"), east))).toBe(200);
    const before = await reviews();
    for (let i = 0; i < 20; i++) expect(statusOf(await get("east", setsOf("east"), east))).toBe(200);
    expect((await reviews()) - before).toBeLessThanOrEqual(2);
  });
});

describe("the signature of an agent's token", () => {
  /** As the proxy verifies tokens, with a count of how often a signature was computed; `listed`: whether the hub still lists its keys. */
  const verifier = () => {
    const keys = new HubKeys(hub.admin);
    const it = { computed: 0, listed: true, onRecord: true };
    const tokens = new AgentTokens({
      hub: hub.admin,
      keys: {
        signerOf: (token) => {
          it.computed++;
          return keys.signerOf(token);
        },
        has: (key) => it.listed && keys.has(key),
      },
      hasCluster: () => true,
      keyOnRecord: () => (it.onRecord ? fingerprintOf(east) : undefined),
    });
    const verify = async (token: string, maxAgeMs = 60_000) => {
      const result = await tokens.verify([`Bearer ${token}`], "east", maxAgeMs);
      return result instanceof Refusal ? result.auditReason : "verified";
    };
    return { it, verify };
  };
  /** The key for which auth gave the token, out of its audiences. */
  const fingerprintOf = (token: string): string | undefined => {
    const { aud } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { aud: string[] };
    const prefix = keyAudience("");
    return aud.find((audience) => audience.startsWith(prefix))?.slice(prefix.length);
  };

  test("is computed once, however many requests carry the token and however often the hub is asked about it", async () => {
    const { it, verify } = verifier();
    for (let i = 0; i < 20; i++) expect(await verify(east)).toBe("verified");
    for (let i = 0; i < 3; i++) expect(await verify(east, 0)).toBe("verified");
    expect(it.computed).toBe(1);
  });

  test("is computed for a token with the same claims and another signature, which is refused", async () => {
    const { it, verify } = verifier();
    expect(await verify(east)).toBe("verified");
    const [header, claims] = east.split(".");
    const forged = `${header}.${claims}.${Buffer.from("forged").toString("base64url")}`;
    expect([await verify(forged), await verify(forged)]).toEqual(["SignatureRefused", "SignatureRefused"]);
    expect(it.computed).toBe(3);
  });

  test("does not help once the key on record is another, nor once the hub no longer lists the key that made it", async () => {
    const { it, verify } = verifier();
    expect(await verify(east)).toBe("verified");
    it.onRecord = false;
    expect(await verify(east)).toBe("KeyNotOnRecord");
    it.onRecord = true;
    it.listed = false;
    expect(await verify(east)).toBe("verified");
    expect(it.computed).toBe(2);
  });

  test("does not help once the account that the token belongs to is another", async () => {
    const account = { namespace: "cluster-east", name: "agent" };
    const { verify } = verifier();
    expect(await verify(east)).toBe("verified");
    await hub.admin.delete(ServiceAccount, account);
    await until(async () => (await verify(east, 0)) === "TokenNotAccepted", "the hub no longer accepts the token");
    expect(await verify(east)).toBe("TokenNotAccepted");
    await hub.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
    east = await agentTokenOf(hub, "east");
    expect(await verify(east)).toBe("verified");
  });
});

describe("an agent whose key was revoked", () => {
  test("gets neither a tunnel nor anything of the hub with the token that it still has, nor once another key is on record", async () => {
    await registerAgent(hub, "north");
    const old = await agentTokenOf(hub, "north");
    await until(async () => statusOf(await get("north", setsOf("north"), old)) === 200, "north reads its sets");
    await withdrawKey(hub, "north");
    await until(async () => statusOf(await get("north", setsOf("north"), old)) === 401, "north's token is refused");
    expect(statusOf(await dial("north", old))).toBe(401);
    await putKeyOnRecord(hub, "north");
    const renewed = await agentTokenOf(hub, "north");
    await until(async () => statusOf(await get("north", setsOf("north"), renewed)) === 200, "north reads its sets with its new key");
    expect(statusOf(await get("north", setsOf("north"), old))).toBe(401);
    expect(statusOf(await dial("north", old))).toBe(401);
  });
});

describe("an agent that writes as much as it can", () => {
  const statusOfSet = (cluster: string): string => `${setsOf(cluster)}/cluster/status`;
  const reportOf = (cluster: string): string => `/apis/drover.dev/v1alpha1/namespaces/cluster-${cluster}/clusterreports/agent/status`;
  const patch = (cluster: string, path: string, body: string, token: string, type = "application/merge-patch+json"): Promise<string> => {
    const framing = `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    return write(head(cluster, "PATCH", path, token, framing) + body);
  };
  /** What the hub throws away, as long as a report may be at most. */
  const padding = (bytes: number): string => JSON.stringify({ status: {}, unknown: "x".repeat(bytes - 26) });

  test("writes no object more often than once a second after a few", async () => {
    await registerAgent(hub, "south");
    const south = await agentTokenOf(hub, "south");
    await until(async () => statusOf(await get("south", setsOf("south"), south)) === 200, "south reads its sets");
    const answers = await Promise.all(Array.from({ length: 20 }, () => patch("south", leaseOf("south"), '{"spec":{}}', south)));
    expect(answers.filter((answer) => statusOf(answer) === 429).length).toBeGreaterThan(5);
    expect(answers.find((answer) => statusOf(answer) === 429)).toMatch(/\r\nRetry-After: 1\r\n/);
    expect(answers.filter((answer) => statusOf(answer) === 200).length).toBeGreaterThan(0);
    await until(async () => statusOf(await patch("south", leaseOf("south"), '{"spec":{}}', south)) === 200, "it may write again");
  });

  test("has a number of bytes for each minute, which is no other cluster's, and no request of more than 64 KiB", async () => {
    expect(statusOf(await patch("east", reportOf("east"), padding(64 * 1024 + 1), east))).toBe(413);
    const answers: string[] = [];
    for (let i = 0; i < 3; i++)
      for (const path of [reportOf("east"), statusOfSet("east")]) answers.push(await patch("east", path, padding(64 * 1024), east));
    expect(answers.map(statusOf)).toContain(429);
    expect(answers.at(-1)).toContain("minute");
    expect(statusOf(await get("east", setsOf("east"), east))).toBe(200);
    expect(statusOf(await patch("west", reportOf("west"), padding(1024), west))).toBe(200);
  });

  test("adds nothing to an object by many small requests: it asks for merge patches only", async () => {
    const applied = JSON.stringify({ apiVersion: "drover.dev/v1alpha1", kind: "ClusterReport", status: { healthy: true } });
    const apply = (manager: string) =>
      patch("west", `${reportOf("west")}?fieldManager=${manager}&force=true`, applied, west, "application/apply-patch+yaml");
    const entry = { manager: "m", operation: "Apply", apiVersion: "drover.dev/v1alpha1", fieldsType: "FieldsV1", fieldsV1: {} };
    const append = JSON.stringify([{ op: "add", path: "/metadata/managedFields/-", value: entry }]);
    expect(statusOf(await apply("m1"))).toBe(403);
    expect(statusOf(await patch("west", reportOf("west"), append, west, "application/json-patch+json"))).toBe(403);
  });

  test("leaves no more on the hub than its status may hold", async () => {
    const condition = { type: "Applied", status: "True", reason: "Applied", lastTransitionTime: "2026-01-01T00:00:00Z" };
    const long = JSON.stringify({ status: { conditions: [{ ...condition, message: "x".repeat(8 * 1024) }] } });
    expect(statusOf(await patch("west", statusOfSet("west"), long, west))).toBe(422);
    const many = Array.from({ length: 8 }, (_, i) => ({ ...condition, type: `T${i}`, message: "" }));
    expect(statusOf(await patch("west", statusOfSet("west"), JSON.stringify({ status: { conditions: many } }), west))).toBe(422);
    const epochs = Array.from({ length: 1_000 }, (_, i) => ({ set: `s-${i}`, epoch: i }));
    expect(statusOf(await patch("west", reportOf("west"), JSON.stringify({ status: { access: { epochs } } }), west))).toBe(422);
  });
});
