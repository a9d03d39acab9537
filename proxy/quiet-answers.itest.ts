// Answers that begin and then say nothing for long, as a watch does in a quiet cluster: the client must learn that they have begun.
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { Agent, request } from "node:https";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Stream } from "../lib/tunnel/stream.ts";
import { Authority } from "../test/certificates.ts";
import { type Front, startFront, TOKEN } from "../test/proxy/front.ts";
import { until } from "../test/until.ts";

jest.setTimeout(60_000);

const authority = Authority.create("front test");
const authorization = `Bearer ${TOKEN}`;
const WATCH = "/clusters/east/api/v1/configmaps?watch=1";
let front: Front;
/** The cluster's end of what is open. */
const open = new Set<Stream>();

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  front = await startFront(authority.cert, serving, {
    east: (stream) => {
      stream.resume();
      open.add(stream);
      stream.once("close", () => open.delete(stream));
      if (stream.request.path !== "/silent") stream.sendHead({ status: 200, headers: ["Content-Type", "application/json"] });
    },
  });
});
afterAll(async () => {
  await front?.close();
});

test("500 quiet watches over HTTP/1.1 all have their status line, and what is said later follows", async () => {
  const agent = new Agent({ ca: authority.cert, maxSockets: 500 });
  const heads: number[] = [];
  let said = "";
  // From several addresses: one may hold a hundred connections here.
  const requests = Array.from({ length: 500 }, (_, i) => {
    const options = {
      host: "127.0.0.1",
      port: front.port,
      localAddress: `127.0.4.${1 + (i % 10)}`,
      path: WATCH,
      headers: { authorization },
      agent,
    };
    const req = request(options, (res) => {
      heads.push(res.statusCode ?? 0);
      res
        .on("error", () => {})
        .on("data", (piece: Buffer) => {
          said += piece.toString();
        });
    });
    req.on("error", () => {});
    req.end();
    return req;
  });
  await until(() => open.size === 500, "all watches are open in the cluster");
  await until(() => heads.length === 500, "all have their head");
  expect(new Set(heads)).toEqual(new Set([200]));
  for (const stream of open) stream.write("x");
  await until(() => said.length === 500, "all hear what is said");
  for (const req of requests) req.destroy();
  agent.destroy();
  await until(() => open.size === 0, "the watches end with their clients");
});

test("a quiet watch over HTTP/2 has its head", async () => {
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
  const stream = session.request({ ":path": WATCH, authorization });
  const status = await new Promise((resolve, reject) => {
    stream.on("response", (head) => resolve(head[":status"]));
    stream.on("error", reject);
  });
  expect(status).toBe(200);
  stream.close(constants.NGHTTP2_CANCEL);
  session.close();
  await until(() => open.size === 0, "the watch ends with its client");
});

test("a watch is recorded while it is open, and again when it ends; what is short once", async () => {
  const path = "/clusters/east/api/v1/recorded?watch=1";
  const req = request({ host: "127.0.0.1", port: front.port, ca: authority.cert, path, headers: { authorization }, agent: false }, (res) =>
    res.on("error", () => {}),
  );
  req.on("error", () => {}).end();
  const records = () => front.records().filter((record) => record.path === "/api/v1/recorded");
  await until(() => records().length === 1, "the watch is recorded");
  expect(records()).toMatchObject([{ stage: "begin", decision: "allow", user: "alice", cluster: "east", method: "GET" }]);
  req.destroy();
  await until(() => records().length === 2, "its end is recorded");
  expect(records()[1]).toMatchObject({ stage: "end", status: 200 });
  await until(() => open.size === 0, "the watch ends with its client");
});

describe("requests that their client cancels at once, over HTTP/2", () => {
  let session: ClientHttp2Session;
  let goneAway: number | undefined;
  let said = "";
  let cluster: Stream | undefined;

  beforeEach(async () => {
    session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
    goneAway = undefined;
    said = "";
    session
      .on("error", () => {})
      .on("goaway", (code) => {
        goneAway = code;
      });
    const watch = session.request({ ":path": WATCH, authorization });
    watch
      .on("error", () => {})
      .on("data", (piece: Buffer) => {
        said += piece.toString();
      });
    await until(() => open.size === 1, "the watch is open");
    [cluster] = open;
  });
  afterEach(async () => {
    session.destroy();
    await until(() => open.size === 0, "everything ends with its client");
  });

  /** A hundred of them; the statuses of those that were answered nevertheless. */
  async function cancelled(path: string): Promise<Set<number>> {
    const statuses = new Set<number>();
    const streams = Array.from({ length: 100 }, () => session.request({ ":path": path, authorization }));
    for (const stream of streams) stream.on("error", () => {}).on("response", (head) => statuses.add(Number(head[":status"])));
    await until(() => open.size > 100 || statuses.size > 0 || session.destroyed, "they reach the cluster, or are refused");
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await until(() => open.size <= 1, "they end with their client");
    return statuses;
  }

  async function expectWatchLives(): Promise<void> {
    cluster?.write("still here");
    await until(() => said === "still here" || session.destroyed, "the watch says something");
    expect([goneAway, said]).toEqual([undefined, "still here"]);
  }

  test("in thousands, as informers do that begin again, leave a watch on the same connection alone", async () => {
    for (let round = 0; round < 30; round++) await cancelled("/clusters/east/silent");
    await expectWatchLives();
  });

  test("without end are refused at last, before they reach the cluster; the watch lives on", async () => {
    let refused = false;
    for (let round = 0; round < 150 && !refused; round++) refused = (await cancelled("/clusters/east/silent")).has(429);
    expect(refused).toBe(true);
    await expectWatchLives();
  });
});
