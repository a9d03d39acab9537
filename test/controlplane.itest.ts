import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { mustRun } from "../controlplane/command.ts";
import { sendRequest } from "../lib/outbound/client.ts";
import { adminKubectl, startControlPlane, type TestControlPlane } from "./controlplane.ts";

jest.setTimeout(120_000);

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
}, 900_000);
afterAll(async () => {
  await plane?.stop();
}, 60_000);

const kubectl = (...args: string[]): Promise<string> => adminKubectl(plane).run(args);

const admin = (): { ca: string; cert: string; key: string } => {
  const { cert = "", key = "" } = plane.adminConnection();
  return { ca: plane.ca, cert, key };
};

test("kubectl and the API server both say v1.36.3", async () => {
  const version = JSON.parse(await kubectl("version", "-o", "json")) as Record<string, { gitVersion: string }>;
  expect(version.clientVersion?.gitVersion).toBe("v1.36.3");
  expect(version.serverVersion?.gitVersion).toBe("v1.36.3");
});

test("a client certificate of an unknown authority is refused, one of the control plane is its user", async () => {
  const me = async (commonName: string): Promise<number> => {
    const pair = plane.clientCertificate(commonName, ["team"]);
    return (await sendRequest(`${plane.server}/api/v1/namespaces`, { ca: plane.ca, ...pair })).status;
  };
  expect(await me("alice")).toBe(403);
  const ofAnotherAuthority = plane.serving.certificate({ commonName: "admin", organizations: ["system:masters"] }, ["client"]);
  expect((await sendRequest(`${plane.server}/api/v1/namespaces`, { ca: plane.ca, ...ofAnotherAuthority })).status).toBe(401);
});

const exactList = async (resourceVersion: string): Promise<number> => {
  const query = `resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`;
  return (await sendRequest(`${plane.server}/api/v1/namespaces?${query}`, admin())).status;
};

test("the API server comes back on the same address with the same data after a SIGKILL, and what etcd compacted is gone", async () => {
  const list = await sendRequest(`${plane.server}/api/v1/namespaces`, admin());
  const { metadata } = JSON.parse(list.body) as { metadata: { resourceVersion: string } };
  for (const name of ["one", "two", "three"]) await kubectl("create", "namespace", name);
  await plane.compact();
  // Its own snapshots in memory still answer for the past; a new process has only what etcd has.
  expect(await exactList(metadata.resourceVersion)).toBe(200);
  await plane.kill("apiserver");
  await expect(sendRequest(`${plane.server}/readyz`, { ca: plane.ca })).rejects.toThrow();
  await plane.start("apiserver");
  expect(await kubectl("get", "namespace", "one", "-o", "name")).toBe("namespace/one\n");
  expect(await exactList(metadata.resourceVersion)).toBe(410);
}, 120_000);

test("nothing is left in place or in the process table after stop", async () => {
  const { directory } = plane;
  await plane.stop();
  expect(existsSync(directory)).toBe(false);
  expect(await mustRun("ps", ["-eo", "args"], { env: process.env })).not.toContain(directory);
});
