// An agent behind a load balancer, which chooses the replica of the proxy for it. The replicas are real ends of tunnels on one address.
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { silent } from "../../lib/kube/log.ts";
import { REPLICA_HEADER, TUNNEL_VERSION, UPGRADE_TOKEN, VERSION_HEADER } from "../../lib/tunnel/handshake.ts";
import { Session } from "../../lib/tunnel/session.ts";
import { Authority } from "../../test/certificates.ts";
import { until } from "../../test/until.ts";
import { Tunnels } from "./tunnels.ts";

jest.setTimeout(120_000);

let balancer: Server;
/** What each dial got. */
let dials: string[];
let choose: (dial: number) => string;
let live: string[];
let sessions: { readonly replica: string; readonly session: Session }[];
let tunnels: Tunnels;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  const authority = Authority.create("balancer test");
  const serving = authority.certificate({ commonName: "balancer" }, ["server"], ["127.0.0.1"]);
  dials = [];
  sessions = [];
  live = ["proxy-0"];
  choose = () => "proxy-0";
  balancer = createServer(serving);
  balancer.on("upgrade", (_req, socket) => {
    const replica = choose(dials.length);
    dials.push(replica);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_TOKEN}\r\n` +
        `${REPLICA_HEADER}: ${replica}\r\n${VERSION_HEADER}: ${TUNNEL_VERSION}\r\n\r\n`,
    );
    const session = new Session(socket, { role: "opener" });
    session.announce(live);
    sessions.push({ replica, session });
  });
  await new Promise<void>((resolve) => balancer.listen(0, "127.0.0.1", resolve));
  tunnels = new Tunnels({
    proxyURLs: [`https://127.0.0.1:${(balancer.address() as AddressInfo).port}`],
    ca: authority.cert,
    cluster: "east",
    token: () => "token",
    onUnauthorized: () => {},
    onStream: () => {},
    log: silent,
  });
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
  for (const { session } of sessions) session.destroy();
  await new Promise((resolve) => balancer.close(resolve));
});

const run = (): void => {
  running = tunnels.run(stop.signal);
};
const announce = (names: string[]): void => {
  live = names;
  for (const { session } of sessions) session.announce(names);
};
const covered = (count: number): Promise<void> =>
  until(() => tunnels.coverage.open === count && tunnels.coverage.wanted === count, `${count} replicas are covered`);

test("it covers every replica that there is, however the balancer chooses, and no other", async () => {
  live = ["proxy-0", "proxy-1", "proxy-2"];
  choose = (dial) => live[dial % 3] as string;
  run();
  await covered(3);
  expect(new Set(dials)).toEqual(new Set(live));
});

test("it dials once for a replica that is new, and not at all for one that is gone", async () => {
  run();
  await covered(1);
  expect(dials).toEqual(["proxy-0"]);
  choose = () => "proxy-1";
  announce(["proxy-0", "proxy-1"]);
  await covered(2);
  expect(dials).toEqual(["proxy-0", "proxy-1"]);
  announce(["proxy-0"]);
  sessions[1]?.session.destroy();
  await covered(1);
  choose = () => "proxy-2";
  announce(["proxy-0", "proxy-2"]);
  await covered(2);
  expect(dials).toEqual(["proxy-0", "proxy-1", "proxy-2"]);
});

test("it goes on looking for a replica that the balancer does not give, keeps the tunnels that it has, and finds it in the end", async () => {
  live = ["proxy-0", "proxy-1"];
  choose = (dial) => (dial < 3 ? "proxy-0" : "proxy-1");
  run();
  await covered(2);
  expect(dials).toEqual(["proxy-0", "proxy-0", "proxy-0", "proxy-1"]);
  expect(sessions.map(({ session }) => session.usable)).toEqual([true, false, false, true]);
});

test("it dials again at once when a replica drains its tunnel", async () => {
  run();
  await covered(1);
  sessions[0]?.session.close("the proxy is stopping");
  await until(() => dials.length === 2, "a second dial");
  await covered(1);
});

test("replicas that take tunnels and drop them at once are never dialled without a pause", async () => {
  // Each pause asks for a random number once; with 0 it is none, so that the test need not wait for it.
  const random = jest.spyOn(Math, "random").mockReturnValue(0);
  try {
    balancer.on("upgrade", () => sessions.at(-1)?.session.destroy());
    run();
    await until(() => dials.length >= 10, "ten dials");
    stop.abort();
    await running;
    expect(random.mock.calls.length).toBeGreaterThanOrEqual(dials.length - 1);
  } finally {
    random.mockRestore();
  }
});
