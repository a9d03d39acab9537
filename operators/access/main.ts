// The access operator: what people wrote about access becomes what agents apply and proxies check.
import { Gauge } from "prom-client";
import { pause } from "../../lib/kube/backoff.ts";
import { operatorConfig } from "../../lib/process/operator-config.ts";
import { runOperator } from "../operator.ts";
import { HubGuards } from "./hub-guards.ts";
import { cacheOptions, reconcilersWith } from "./reconcilers.ts";

const GUARDS_MS = 3_000;

await runOperator("operator-access", operatorConfig, async ({ log, metrics }) => {
  let guards: HubGuards | undefined;
  new Gauge({
    name: "drover_hub_guards_enforced",
    help: "1 while the hub's admission policies are known to be in force; otherwise nothing new is granted.",
    registers: [metrics],
    collect() {
      this.set(guards?.status.state === "Enforced" ? 1 : 0);
    },
  });
  return async ({ connection, client, signal, enqueueAll }) => {
    const hub = new HubGuards({ connection, client, log, onChange: enqueueAll });
    guards = hub;
    const beside = hub.run(signal).finally(() => {
      guards = undefined;
    });
    // Otherwise whatever was written while nobody led would be held back first and granted a moment later. What is to end must not wait long.
    await Promise.race([hub.known, pause(GUARDS_MS, signal)]);
    return { reconcilers: reconcilersWith(() => hub.status), cacheOptions, beside };
  };
});
