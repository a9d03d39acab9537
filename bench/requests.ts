// What a request costs through proxy and tunnel, against the same request made directly at the managed cluster's API server, by turns in one run.
import { readFileSync } from "node:fs";
import { untilAllowed } from "../e2e/harness/answers.ts";
import { projectBinding, site, templateYAML, user } from "../e2e/harness/fixtures.ts";
import { hub, managed } from "../e2e/harness/kubectl.ts";
import { state } from "../e2e/harness/state.ts";
import { createUser, deleteUser } from "../e2e/harness/users.ts";
import { Client, type Target } from "./client.ts";
import { distribution, median } from "./statistics.ts";
import { account, serverOf } from "./target.ts";

const TURNS = 5;
const CONNECTIONS = 16;
const LOAD_MS = 6_000;
const WARM_UP_MS = 3_000;
const SINGLE_REQUESTS = 400;
const USER = "bench-otto";
const TEMPLATE = "bench-configmaps";

/** CPU clock ticks per second, as /proc counts: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Way {
  readonly requestsPerSecond: number;
  /** With one connection and nothing else going on. */
  readonly p50ms: number;
  readonly p99ms: number;
  /** Under the load of all connections, by process. */
  readonly cpuMicrosPerRequest: Readonly<Record<string, number>>;
}

export interface RequestTimes {
  readonly bytes: number;
  readonly connections: number;
  readonly direct: Way;
  readonly tunnel: Way;
}

export async function measureRequests(turnCount = TURNS): Promise<RequestTimes> {
  const reads = { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] };
  await hub().apply(templateYAML(TEMPLATE, [reads]));
  const where = await site("east", "bench-requests");
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one-kilobyte", namespace: where.namespace } };
  // Created, not applied: a copy of its data in an annotation would double it. With what the API server adds it is about a kilobyte.
  await managed("east").must(["create", "-f", "-"], { input: JSON.stringify({ ...map, data: { text: "x".repeat(520) } }) });
  const otto = await createUser(USER);
  await hub().apply(projectBinding(where, "otto-reads", TEMPLATE, user(USER)));
  await untilAllowed(otto.kubectl("east"), ["get", "configmap", "one-kilobyte", "-n", where.namespace]);
  const baseline = await account(managed("east"), "bench-baseline", "view");

  const path = `/api/v1/namespaces/${where.namespace}/configmaps/one-kilobyte`;
  const ca = state().proxy.ca;
  const direct: Target = { url: `${await serverOf(managed("east"))}${path}`, ca, token: baseline.token };
  const tunnel: Target = { url: `${state().proxy.url}/clusters/east${path}`, ca, token: otto.token };
  try {
    const { bytes } = await only(direct);
    await only(tunnel);
    for (const target of [direct, tunnel]) await load(target, WARM_UP_MS);
    const turns: { direct: Turn; tunnel: Turn }[] = [];
    for (let i = 0; i < turnCount; i++) turns.push({ direct: await turn(direct), tunnel: await turn(tunnel) });
    return { bytes, connections: CONNECTIONS, direct: sum(turns.map((t) => t.direct)), tunnel: sum(turns.map((t) => t.tunnel)) };
  } finally {
    await deleteUser(USER);
    await baseline.remove();
    await where.remove();
    await hub().delete(templateYAML(TEMPLATE, []));
  }
}

interface Turn {
  readonly requestsPerSecond: number;
  readonly latencies: readonly number[];
  readonly cpu: Readonly<Record<string, number>>;
}

async function turn(target: Target): Promise<Turn> {
  const before = cpuTicks();
  const { requests, ms } = await load(target, LOAD_MS);
  const after = cpuTicks();
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, ticks]) => [name, (((ticks - (before[name] ?? ticks)) / TICKS_PER_SECOND) * 1e6) / requests]),
  );
  return { requestsPerSecond: (requests / ms) * 1000, latencies: await single(target), cpu };
}

/** As many requests as all connections together manage in that time. */
async function load(target: Target, forMs: number): Promise<{ requests: number; ms: number }> {
  const client = new Client(target, CONNECTIONS);
  const started = performance.now();
  let requests = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - started < forMs) {
      const { status } = await client.get(target);
      if (status !== 200) throw new Error(`${target.url}: ${status}`);
      requests++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const ms = performance.now() - started;
  client.close();
  return { requests, ms };
}

async function single(target: Target): Promise<number[]> {
  const client = new Client(target, 1);
  const latencies: number[] = [];
  await client.get(target);
  for (let i = 0; i < SINGLE_REQUESTS; i++) latencies.push((await client.get(target)).ms);
  client.close();
  return latencies;
}

async function only(target: Target): Promise<{ bytes: number }> {
  const client = new Client(target, 1);
  const { status, bytes } = await client.get(target);
  client.close();
  if (status !== 200) throw new Error(`${target.url}: ${status}`);
  return { bytes };
}

function sum(turns: readonly Turn[]): Way {
  const names = [...new Set(turns.flatMap(({ cpu }) => Object.keys(cpu)))];
  const latency = distribution(turns.flatMap(({ latencies }) => latencies));
  return {
    requestsPerSecond: median(turns.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50ms: latency.p50,
    p99ms: latency.p99,
    cpuMicrosPerRequest: Object.fromEntries(names.map((name) => [name, median(turns.map(({ cpu }) => cpu[name] ?? 0))])),
  };
}

/** User and system time of the processes on the way, the load's own included. */
function cpuTicks(): Record<string, number> {
  const processes = Object.entries(state().processes).filter(([name]) => /^(proxy:|agent:east$|apiserver:east$)/.test(name));
  return Object.fromEntries([...processes.map(([name, { pid }]) => [name, ticksOf(pid)] as const), ["load", ticksOf(process.pid)]]);
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, which may hold spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
