import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { sendRequest } from "../lib/outbound/client.ts";
import { startControlPlane, type TestControlPlane } from "../test/controlplane.ts";
import { until } from "../test/until.ts";
import { type CommandResult, runCommand, startCommand } from "./command.ts";

jest.setTimeout(120_000);

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true, scheduler: true, kwokNodes: 3 });
}, 900_000);
afterAll(async () => {
  await plane?.stop();
}, 60_000);

const env = (): Record<string, string> => ({ KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory, PATH: "/usr/bin:/bin" });
const kubectl = (args: string[], input?: string): Promise<CommandResult> =>
  runCommand(join(plane.binaries, "kubectl"), args, { env: env(), ...(input === undefined ? {} : { input }) });
const exec = (flags: string[], command: string[], input?: string): Promise<CommandResult> =>
  kubectl(["exec", "-n", "shop", ...flags, "deploy/web", "--", ...command], input);

test("three nodes are ready and the pods of the Deployment run", async () => {
  const nodes = await kubectl(["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s"]);
  expect(nodes.stdout.trim().split("\n")).toHaveLength(3);
  const pods = await kubectl(["get", "pods", "-n", "shop", "--no-headers"]);
  expect(pods.stdout.match(/Running/g)).toHaveLength(2);
});

test("exec passes on output, standard input and exit code", async () => {
  expect(await exec([], ["sh", "-c", "echo out; echo err >&2; exit 7"])).toEqual({
    code: 7,
    stdout: "out\n",
    stderr: "err\ncommand terminated with exit code 7\n",
  });
  expect((await exec(["-i"], ["wc", "-c"], "x".repeat(100_000))).stdout.trim()).toBe("100000");
});

test("exec runs in a scratch directory, with an empty environment", async () => {
  expect((await exec([], ["env"])).stdout).toBe("");
  expect((await exec([], ["pwd"])).stdout.trim()).toBe(join(plane.directory, "kwok", "scratch"));
});

test("a followed log stays open and gets new lines", async () => {
  const logs = startCommand(join(plane.binaries, "kubectl"), ["logs", "-f", "--tail=1", "-n", "shop", "deploy/web"], { env: env() });
  try {
    await until(() => logs.hasEnded() || logs.stdout().split("\n").length > 3, "three lines are there");
    expect(logs.stdout().split("\n").length).toBeGreaterThan(3);
    expect(logs.hasEnded()).toBe(false);
  } finally {
    await logs.stop();
  }
}, 30_000);

test("the port of the nodes answers the API server's certificate only", async () => {
  const url = `${plane.kwokUrl}/healthz`;
  const as = (name: string): Promise<{ status: number }> => sendRequest(url, { ca: plane.ca, ...plane.clientCertificate(name) });
  expect((await as("kube-apiserver-kubelet-client")).status).toBe(200);
  await expect(as("admin")).rejects.toThrow();
  await expect(sendRequest(url, { ca: plane.ca })).rejects.toThrow();
  const ofAnotherAuthority = plane.serving.certificate({ commonName: "kube-apiserver-kubelet-client" }, ["client"]);
  await expect(sendRequest(url, { ca: plane.ca, ...ofAnotherAuthority })).rejects.toThrow();
});

test("the port of the nodes does not speak plain HTTP", async () => {
  const { port } = new URL(plane.kwokUrl);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) }, () => socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
  expect(answer).toBe("");
});
