// People with every right, who take more than their share: everybody else is served meanwhile.
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { defaultTunnelConfig } from "../lib/tunnel/config.ts";
import type { Stream } from "../lib/tunnel/stream.ts";
import { Authority } from "../test/certificates.ts";
import { type Front, startFront, tokenOf } from "../test/proxy/front.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

const authority = Authority.create("front test");
const GREEDY = ["ann", "ben", "cem", "dan"];
const WATCH = "/api/v1/configmaps?watch=1";
let front: Front;
const sessions: ClientHttp2Session[] = [];

const BULK = Buffer.alloc(4 * 1024 * 1024);

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  const east = (stream: Stream): void => {
    stream.resume();
    stream.sendHead({ status: 200, headers: [] });
    if (stream.request.path === WATCH) stream.write("{}");
    else stream.end(stream.request.path === "/openapi/v2" ? BULK : "fine");
  };
  front = await startFront(authority.cert, serving, { east }, { others: [...GREEDY, "eva"], carries: defaultTunnelConfig.maxStreams });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await until(() => front.open.count === 0 && front.tunnels.bufferedBytes === 0, "nothing is held of those who left");
});
afterAll(async () => {
  await front?.close();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A user with a connection of their own, once a first request on it was authenticated. */
async function connectedUser(name: string, initialWindowSize = 65_535) {
  const session = connect(`https://127.0.0.1:${front.port}`, { ca: authority.cert, settings: { initialWindowSize } });
  sessions.push(session);
  session.on("error", () => {});
  /** `onHead`: the answer's status; the body is read only when `read`. */
  const open = (path: string, onHead: (status: number, stream: ClientHttp2Stream) => void): void => {
    const stream = session.request({ ":path": `/clusters/east${path}`, authorization: `Bearer ${tokenOf(name)}` });
    stream.on("error", () => {});
    stream.on("response", (head) => onHead(Number(head[":status"]), stream));
  };
  const ask = (path: string): Promise<Answer> =>
    new Promise((resolve) => {
      open(path, (status, stream) => {
        let body = "";
        stream.on("data", (piece: Buffer) => {
          body += piece.toString();
          if (path === WATCH && status === 200) resolve({ status, body });
        });
        stream.on("end", () => resolve({ status, body }));
      });
    });
  await new Promise<void>((resolve) => open("/version", () => resolve()));
  await until(() => session.remoteSettings.maxConcurrentStreams === 1_000, "this connection may carry more");
  return { open, ask };
}

test("four users with five hundred watches each do not lock out the fifth", async () => {
  const statuses: number[] = [];
  for (const name of GREEDY) {
    const { open } = await connectedUser(name);
    for (let n = 0; n < 500; n++) open(WATCH, (status) => statuses.push(status));
  }
  await until(() => statuses.length === GREEDY.length * 500, "each has its answer");
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  const { ask } = await connectedUser("eva");
  expect(await ask(WATCH)).toEqual({ status: 200, body: "{}" });
  expect(await ask("/version")).toEqual({ status: 200, body: "fine" });
  // A user who has taken all watches they can may still send requests that end, and the refusal names the limit.
  const again = await connectedUser("ann");
  expect(await again.ask("/version")).toEqual({ status: 200, body: "fine" });
  const refused = await again.ask(WATCH);
  expect(refused.status).toBe(429);
  expect(JSON.parse(refused.body)).toMatchObject({
    message: expect.stringMatching(/^User "ann" has \d+ watches and streams open in the cluster "east", the most that one user may have/),
    details: { retryAfterSeconds: 1, causes: [{ reason: "TooManyRequests" }] },
  });
});

test("three users who ask for hundreds of large answers and read none fill neither end of the tunnel, and hold nobody up", async () => {
  let most = 0;
  let heads = 0;
  const eva = await connectedUser("eva");
  for (const name of GREEDY.slice(0, 3)) {
    const { open } = await connectedUser(name, 0);
    for (let n = 0; n < 350; n++) open("/openapi/v2", () => heads++);
    const before = heads;
    await until(() => heads >= before + 100, "many have begun");
    expect(await eva.ask("/version")).toEqual({ status: 200, body: "fine" });
    most = Math.max(most, front.tunnels.bufferedBytes, front.acceptor.bufferedBytes);
  }
  await until(
    () => front.records().some(({ reason }) => reason === "Unread"),
    "what was unread for longest is given up, and the record says so",
  );
  expect(most).toBeLessThan(2 * defaultTunnelConfig.maxUnreadBytes);
  expect(front.acceptor.budget.bytes).toBeLessThanOrEqual(defaultTunnelConfig.maxUnreadBytes);
  expect((await eva.ask("/openapi/v2")).body.length).toBe(BULK.length);
});
