// The reconcilers and guards of an agent for tests: as agent.ts puts them together, against a real hub and a real managed cluster.
import { Registry } from "prom-client";
import { AccessMemory, type AccessReport } from "../../agent/access/memory.ts";
import { StateStore } from "../../agent/access/state.ts";
import { Guards } from "../../agent/guards/guards.ts";
import { managerOptions } from "../../agent/reconcilers.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import type { Connection } from "../../lib/kube/connection.ts";
import { silent } from "../../lib/kube/log.ts";
import { startReconcilers } from "../../lib/reconcile/manager.ts";

export class TestAgent {
  readonly guards: Guards;
  readonly memory = new AccessMemory();
  readonly client: KubeClient;
  /** How often open streams were to be reviewed because access may have been revoked. */
  reviews = 0;
  readonly said: string[] = [];
  readonly #stop = new AbortController();
  readonly #hub: KubeClient;
  readonly #probe: KubeClient;
  readonly #running: Promise<unknown>;

  constructor(connection: { readonly hub: Connection; readonly agent: Connection; readonly probe: Connection }) {
    this.client = new KubeClient(connection.agent);
    this.#probe = new KubeClient(connection.probe);
    this.#hub = new KubeClient(connection.hub);
    const log = { ...silent, info: (message: string) => void this.said.push(message) };
    const { memory, client: managed } = this;
    this.guards = new Guards({ probe: this.#probe, log });
    const store = new StateStore(managed, "drover-system", log);
    const { signal } = this.#stop;
    const recheck = async (): Promise<void> => void this.reviews++;
    const options = managerOptions({
      ...{ cluster: "east", agentVersion: "0.0.0", hub: this.#hub, managed, memory, store, guards: this.guards, log },
      streams: { size: 0, ended: 0, recheck },
    });
    const manage = async (): Promise<void> => {
      memory.restore(await store.load(signal));
      await startReconcilers({ ...options, metrics: new Registry(), signal }).done;
    };
    this.#running = Promise.allSettled([this.guards.run(signal), manage()]);
  }

  get corrected(): number {
    return this.memory.report.value?.corrected ?? 0;
  }

  get report(): AccessReport | undefined {
    return this.memory.report.value;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all([this.client.close(), this.#hub.close(), this.#probe.close()]);
  }
}

interface Hub {
  readonly plane: { adminConnection(): Connection };
}
interface ManagedCluster {
  connectionOf(account: string): Promise<Connection>;
}

export const startTestAgent = async (hub: Hub, managed: ManagedCluster): Promise<TestAgent> =>
  new TestAgent({
    hub: hub.plane.adminConnection(),
    agent: await managed.connectionOf("agent"),
    probe: await managed.connectionOf("guard-probe"),
  });
