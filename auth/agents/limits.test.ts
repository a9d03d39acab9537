import { expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { listOf } from "../../lib/server/addresses.ts";
import { RateLimiter } from "../../lib/server/rate.ts";
import { sourceOf } from "../../lib/server/source.ts";
import { Audit } from "../audit.ts";
import type { Context } from "../context.ts";
import { admitAgent } from "./limits.ts";

const balancers = listOf(["10.0.0.1"]);

/** What another cluster's agent gets at the same address, after a thousand requests of an attacker. */
function left(address: string): "admitted" | "refused" {
  const limits = { agentSources: new RateLimiter(40, 1), agents: new RateLimiter(30, 1) };
  const context = { ...limits, audit: new Audit({ info: () => {} }, new Registry()), now: () => new Date(0) } as unknown as Context;
  const ask = (cluster: string): "admitted" | "refused" => {
    try {
      admitAgent(context, { cluster, source: sourceOf(address, undefined, balancers), requestId: "r" }, "agent-challenge");
      return "admitted";
    } catch (error) {
      expect(error).toMatchObject({ code: "TooManyRequests" });
      return "refused";
    }
  };
  const answers = Array.from({ length: 1000 }, (_, n) => ask(n % 2 === 0 ? "east" : `invented-${n}`));
  expect(answers).toContain("refused");
  return ask("west");
}

test("a flood behind a load balancer that names no client does not use up what the agents behind it may ask", () => {
  expect(left("10.0.0.1")).toBe("admitted");
});

test("one source alone is limited, whatever clusters it names", () => {
  expect(left("192.0.2.1")).toBe("refused");
});
