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

/** How often all take their turn, how long each is under load in it, and how many requests each gets with one connection. */
export interface Schedule {
  readonly turns: number;
  readonly loadMs: number;
  readonly singleRequests: number;
}

const SCHEDULE: Schedule = { turns: 5, loadMs: 6_000, singleRequests: 400 };
const CONNECTIONS = 16;
const WARM_UP_MS = 3_000;
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

/** The same object in one environment, asked for in both ways. */
export interface RequestSite {
  readonly bytes: number;
  readonly direct: Target;
  readonly tunnel: Target;
  /** Pids of the processes on the way, by name. */
  readonly processes: Readonly<Record<string, number>>;
  remove(): Promise<void>;
}

export async function measureRequests(): Promise<RequestTimes> {
  const prepared = await prepareRequests();
  try {
    const [times] = await measureByTurns([prepared], SCHEDULE);
    return times as RequestTimes;
  } finally {
    await prepared.remove();
  }
}

/** In the environment that DROVER_E2E_DIR names; what takes the requests is warm afterwards. */
export async function prepareRequests(): Promise<RequestSite> {
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
  const remove = async (): Promise<void> => {
    await deleteUser(USER);
    await baseline.remove();
    await where.remove();
    await hub().delete(templateYAML(TEMPLATE, []));
  };

  const path = `/api/v1/namespaces/${where.namespace}/configmaps/one-kilobyte`;
  const ca = state().proxy.ca;
  const direct: Target = { url: `${await serverOf(managed("east"))}${path}`, ca, token: baseline.token };
  const tunnel: Target = { url: `${state().proxy.url}/clusters/east${path}`, ca, token: otto.token };
  try {
    const { bytes } = await only(direct);
    await only(tunnel);
    for (const target of [direct, tunnel]) await load(target, WARM_UP_MS);
    return { bytes, direct, tunnel, processes: processesOnTheWay(), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Both ways of all sites by turns: first each one's single requests, then each one's load, so that a busy machine disturbs all alike. */
export async function measureByTurns(sites: readonly RequestSite[], schedule: Schedule): Promise<RequestTimes[]> {
  const measured = sites.map(({ bytes, direct, tunnel, processes }) => {
    const way = (target: Target): Measured => ({ target, processes, singles: [], loads: [] });
    return { bytes, direct: way(direct), tunnel: way(tunnel) };
  });
  const ways = measured.flatMap(({ direct, tunnel }) => [direct, tunnel]);
  for (let i = 0; i < schedule.turns; i++) {
    // Back and forth, so that none always comes first.
    const order = i % 2 === 0 ? ways : ways.toReversed();
    for (const { target, singles } of order) singles.push(...(await single(target, schedule.singleRequests)));
    for (const { target, processes, loads } of order) loads.push(await loadWithCpu(target, processes, schedule.loadMs));
  }
  return measured.map(({ bytes, direct, tunnel }) => ({
    bytes,
    connections: CONNECTIONS,
    direct: summary(direct),
    tunnel: summary(tunnel),
  }));
}

interface Measured {
  readonly target: Target;
  readonly processes: Readonly<Record<string, number>>;
  /** ms */
  readonly singles: number[];
  readonly loads: Load[];
}

interface Load {
  readonly requestsPerSecond: number;
  readonly cpu: Readonly<Record<string, number>>;
}

async function loadWithCpu(target: Target, processes: Readonly<Record<string, number>>, forMs: number): Promise<Load> {
  const before = cpuTicks(processes);
  const { requests, ms } = await load(target, forMs);
  const after = cpuTicks(processes);
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, ticks]) => [name, (((ticks - (before[name] ?? ticks)) / TICKS_PER_SECOND) * 1e6) / requests]),
  );
  return { requestsPerSecond: (requests / ms) * 1000, cpu };
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

async function single(target: Target, count: number): Promise<number[]> {
  const client = new Client(target, 1);
  const latencies: number[] = [];
  await client.get(target);
  for (let i = 0; i < count; i++) latencies.push((await client.get(target)).ms);
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

function summary({ singles, loads }: Measured): Way {
  const names = [...new Set(loads.flatMap(({ cpu }) => Object.keys(cpu)))];
  const latency = distribution(singles);
  return {
    requestsPerSecond: median(loads.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50ms: latency.p50,
    p99ms: latency.p99,
    cpuMicrosPerRequest: Object.fromEntries(names.map((name) => [name, median(loads.map(({ cpu }) => cpu[name] ?? 0))])),
  };
}

/** The load's own process included. */
function processesOnTheWay(): Record<string, number> {
  const onTheWay = Object.entries(state().processes).filter(([name]) => /^(proxy:|agent:east$|apiserver:east$)/.test(name));
  return { ...Object.fromEntries(onTheWay.map(([name, { pid }]) => [name, pid])), load: process.pid };
}

/** User and system time of each. */
function cpuTicks(processes: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, ticksOf(pid)]));
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, which may hold spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
