// The access part of an agent for tests: as agent.ts puts it together, against a real hub and a real managed cluster.

import { AccessLoop } from "../../agent/access/loop.ts";
import { StateStore } from "../../agent/access/state.ts";
import { GuardLoop } from "../../agent/guards/loop.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import type { Connection } from "../../lib/kube/connection.ts";
import { silent } from "../../lib/kube/log.ts";

/** The agent's access part, as agent.ts puts it together. */
export class TestAgent {
  readonly guards: GuardLoop;
  readonly access: AccessLoop;
  readonly client: KubeClient;
  withdrawn = 0;
  readonly said: string[] = [];
  readonly teardown = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #hub: KubeClient;
  readonly #probe: KubeClient;
  readonly #running: Promise<unknown>;

  constructor(connection: { readonly hub: Connection; readonly agent: Connection; readonly probe: Connection }) {
    this.client = new KubeClient(connection.agent);
    this.#probe = new KubeClient(connection.probe);
    this.#hub = new KubeClient(connection.hub);
    const log = { ...silent, info: (message: string) => void this.said.push(message) };
    this.guards = new GuardLoop({
      managed: this.client,
      probe: this.#probe,
      log,
      onChange: () => this.access.wake(),
      onCorrected: (count) => this.access.addHealed(count),
    });
    this.access = new AccessLoop({
      cluster: "east",
      namespace: "drover-system",
      hub: this.#hub,
      managed: this.client,
      store: new StateStore(this.client, "drover-system", log),
      mayGrant: () => this.guards.enforced,
      onWithdrawn: () => void this.withdrawn++,
      onReport: () => {},
      onTeardown: this.teardown.resolve,
      log,
    });
    const { signal } = this.#stop;
    this.#running = Promise.allSettled([this.guards.run(signal), this.access.run(signal)]);
  }

  get healed(): number {
    return this.access.report?.healed ?? 0;
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
