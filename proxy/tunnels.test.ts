import { duplexPair } from "node:stream";
import { expect, test } from "@jest/globals";
import { Session } from "../lib/tunnel/session.ts";
import { Tunnels } from "./tunnels.ts";

test("an agent that dials again and again has at most four tunnels here, the newest", async () => {
  const tunnels = new Tunnels();
  const ends = Array.from({ length: 20 }, () => {
    const [near, far] = duplexPair();
    const session = new Session(near, { role: "opener" });
    tunnels.add("east", session);
    return { session, agent: new Session(far, { role: "acceptor" }) };
  });
  await Promise.all(ends.slice(0, 16).map(({ agent }) => agent.closed));
  expect(tunnels.count).toBe(4);
  expect(ends.slice(16).map(({ session }) => session.usable)).toEqual([true, true, true, true]);
  expect(ends.slice(0, 16).some(({ session }) => session.usable)).toBe(false);
  tunnels.destroy("east");
  await Promise.all(ends.map(({ agent }) => agent.closed));
  expect(tunnels.count).toBe(0);
});
