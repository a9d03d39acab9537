// Leader election through a real API server, over connections that break and fall silent.
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { Relay } from "../../test/relay.ts";
import { until } from "../../test/until.ts";
import { FencedError, KubeClient } from "../kube/client.ts";
import { ConfigMap, Lease, Namespace } from "../kube/core.ts";
import { silent } from "../kube/log.ts";
import { LeaderElection } from "./leader.ts";

// Generous: what is waited for usually takes milliseconds, but a busy machine may take its time.
jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
let namespace: string;
let count = 0;
let candidates: Candidate[];

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});
beforeEach(async () => {
  namespace = `leader-${++count}`;
  candidates = [];
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
});
afterEach(async () => {
  for (const candidate of candidates) candidate.relay.open();
  await Promise.all(candidates.map((candidate) => candidate.leave()));
  for (const { client, relay } of candidates) {
    await client.close();
    relay.close();
  }
});

/** One contender with a network path of its own. While it leads it writes again and again, and remembers when each write was answered. */
class Candidate {
  readonly relay: Relay;
  readonly client: KubeClient;
  readonly election: LeaderElection;
  readonly stop = new AbortController();
  leading = false;
  terms = 0;
  readonly #ended: Promise<void>;
  /** When this candidate last began a write that it was allowed to, by the test's own clock. */
  lastWrite = 0;

  constructor(relay: Relay, identity: string) {
    this.relay = relay;
    this.client = new KubeClient({ ...plane.adminConnection(), server: relay.url });
    this.election = new LeaderElection(this.client, {
      namespace,
      name: "test",
      identity,
      leaseDurationSeconds: 3,
      renewDeadlineSeconds: 2,
      retryPeriodSeconds: 0.25,
      log: silent,
    });
    this.#ended = this.election.run(this.stop.signal, (signal) => this.#lead(signal));
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.leading = true;
    this.terms++;
    const fenced = this.client.fenced(this.election.fence);
    while (!signal.aborted) {
      const data = { writer: this.election.identity };
      const intent = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "work", namespace }, data } as ConfigMap;
      try {
        await fenced.apply(ConfigMap, intent, { fieldManager: "test" });
        this.lastWrite = performance.now();
      } catch {
        // Whatever the network does: the next round shows whether it may still write.
      }
      // Waits for nothing: a closed fence refuses at once, and without a pause this loop would keep all else in the process from running.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.leading = false;
  }

  async leave(): Promise<void> {
    this.stop.abort();
    await this.#ended;
  }
}

async function join(identity: string): Promise<Candidate> {
  const candidate = new Candidate(await Relay.to(plane.server), identity);
  candidates.push(candidate);
  return candidate;
}
const holder = async (): Promise<string> => (await admin.get(Lease, { name: "test", namespace })).spec?.holderIdentity ?? "";

test("one leads, the other waits; the one that leaves gives the lease back, and the other takes over without waiting for its end", async () => {
  const first = await join("first");
  await until(() => first.lastWrite > 0, "the first leads");
  const second = await join("second");
  await until(async () => (await admin.get(Lease, { name: "test", namespace })).spec?.renewTime !== undefined, "the lease is renewed");
  expect(second.leading).toBe(false);
  const left = performance.now();
  await first.leave();
  expect(await holder()).not.toBe(first.election.identity);
  await until(() => second.lastWrite > 0, "the second leads");
  expect(performance.now() - left).toBeLessThan(2_000);
  expect((await admin.get(Lease, { name: "test", namespace })).spec?.leaseTransitions).toBe(1);
});

test("a leader whose network falls silent has written its last before the next one begins", async () => {
  const first = await join("first");
  await until(() => first.lastWrite > 0, "the first leads");
  const second = await join("second");
  first.relay.cut();
  await until(() => second.leading, "the second leads");
  const began = performance.now();
  expect(first.election.fence.mayWrite()).toBe(false);
  expect(first.lastWrite).toBeLessThan(began);
  // The network comes back: the first one's connections work again, and still it does not write.
  first.relay.open();
  await expect(first.client.fenced(first.election.fence).delete(ConfigMap, { name: "work", namespace })).rejects.toBeInstanceOf(
    FencedError,
  );
  await until(() => !first.leading, "the first stops leading");
  const lastOfFirst = first.lastWrite;
  await until(
    async () => (await admin.get(ConfigMap, { name: "work", namespace })).data?.writer === second.election.identity,
    "the second's write",
  );
  await until(() => second.lastWrite - began > 1_000, "the second goes on");
  expect(first.lastWrite).toBe(lastOfFirst);
  expect(await holder()).toBe(second.election.identity);
});

test("a write that is still unanswered when the lease runs out is given up by then", async () => {
  const first = await join("first");
  await until(() => first.lastWrite > 0, "the first leads");
  first.relay.silence();
  // New connections too lead nowhere: only an answer would do, and none comes.
  await plane.kill("apiserver", "SIGSTOP");
  try {
    const fence = first.election.fence;
    const left = fence.remainingMs();
    const began = performance.now();
    await expect(first.client.fenced(fence).delete(ConfigMap, { name: "work", namespace })).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(left + 250);
    await until(() => !fence.mayWrite(), "the fence closes");
  } finally {
    await plane.kill("apiserver", "SIGCONT");
  }
  await until(() => first.terms > 1 || first.election.fence.mayWrite(), "it leads again once the server answers");
});

test("a machine that slept while its monotonic clock stood still finds its fence closed when it wakes", async () => {
  let slept = 0;
  const stop = new AbortController();
  const settings = { namespace, name: "sleeper", leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 5, log: silent };
  const election = new LeaderElection(admin, { ...settings, timeOfDay: () => Date.now() + slept });
  const led = election.run(
    stop.signal,
    (term) => new Promise((resolve) => term.addEventListener("abort", () => resolve(), { once: true })),
  );
  await until(() => election.fence.mayWrite(), "it leads");
  slept = 3_600_000;
  expect(election.fence.mayWrite()).toBe(false);
  expect(election.fence.remainingMs()).toBe(0);
  // The time of day being set back gives nobody more time.
  slept = -3_600_000;
  expect(election.fence.remainingMs()).toBeLessThanOrEqual(10_000);
  stop.abort();
  await led;
});

test("somebody who takes the lease away by force ends the term at once", async () => {
  const first = await join("first");
  await until(() => first.lastWrite > 0, "the first leads");
  await until(
    () =>
      admin
        .patch(Lease, { name: "test", namespace }, { spec: { holderIdentity: "usurper", leaseDurationSeconds: 1 } }, { type: "merge" })
        .then(() => true),
    "the lease is taken",
  );
  await until(() => !first.leading, "the first stops");
  expect(first.terms).toBe(1);
  await until(() => first.terms === 2, "the usurper's lease runs out");
});
