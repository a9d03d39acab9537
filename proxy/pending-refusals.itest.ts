// Strangers who ask and do not read: what is refused must not stay in the proxy's memory for as long as they like.
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Stream } from "../lib/tunnel/stream.ts";
import { Authority } from "../test/certificates.ts";
import { type Front, startFront, TOKEN } from "../test/proxy/front.ts";
import { FrameType, frame, RawHttp2 } from "../test/proxy/raw-http2.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

const authority = Authority.create("front test");
const headers = { authorization: `Bearer ${TOKEN}` };
let front: Front;
const connections: { destroy(): unknown }[] = [];

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  const answer = (stream: Stream): void => {
    stream.resume();
    stream.sendHead({ status: 200, headers: [] });
    if (stream.request.path === "/fine") stream.end("fine");
    else stream.write("begun"); // a watch
  };
  front = await startFront(authority.cert, serving, { east: answer }, { idleMs: 3_000 });
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  await until(() => front.held().streams === 0 && front.held().pendingRefusals === 0, "nothing is held of those who left");
});
afterAll(async () => {
  await front?.close();
});

function unauthenticated(initialWindowBytes = 0): RawHttp2 {
  const raw = new RawHttp2({ port: front.port, ca: authority.cert }, initialWindowBytes);
  connections.push(raw.socket);
  return raw;
}

const nowhere = (count: number): string[] => Array.from({ length: count }, (_, i) => `/nowhere/${i}`);

async function fine(): Promise<void> {
  const status = await new Promise((resolve, reject) => {
    const to = { host: "127.0.0.1", port: front.port, ca: authority.cert, path: "/clusters/east/fine", headers, agent: false as const };
    request(to, (res) => res.resume().on("end", () => resolve(res.statusCode)))
      .on("error", reject)
      .end();
  });
  expect(status).toBe(200);
}

describe("unauthenticated clients over HTTP/2 that leave no room for the answer", () => {
  test("hold nothing once a short time is over, however many they are", async () => {
    const all = Array.from({ length: 20 }, () => unauthenticated());
    for (const one of all) one.ask(nowhere(100));
    await until(() => all.every(({ closed }) => closed), "each connection is ended");
    await until(() => front.held().sessions === 0, "none is left");
    await fine();
  });

  test("hold no more than the budget meanwhile, with heads as large as they may be", async () => {
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, front.held().pendingBytes);
    }, 1);
    const all = Array.from({ length: 30 }, () => unauthenticated());
    for (const one of all) one.ask(nowhere(100), [], "x".repeat(50_000));
    await until(() => all.every(({ closed }) => closed), "each connection is ended");
    clearInterval(watch);
    expect(most).toBeGreaterThan(1_000_000);
    expect(most).toBeLessThanOrEqual(front.held().pendingBudgetBytes);
    await fine();
  });

  test("may have a hundred requests open on a connection, as long as none was let in", async () => {
    const one = unauthenticated(65_535);
    await until(() => one.heard.some(({ type }) => type === FrameType.SETTINGS), "the proxy said its limits");
    const { payload } = one.heard.find(({ type }) => type === FrameType.SETTINGS) ?? { payload: Buffer.alloc(0) };
    const settings = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    expect(settings.get(3)).toBe(100);
  });

  test("that send pings and ask again and again are sent away all the same", async () => {
    const one = unauthenticated(65_535);
    const busy = setInterval(() => {
      one.ask(["/nowhere"]);
      one.socket.write(frame(FrameType.PING, 0, 0, Buffer.alloc(8)));
    }, 50);
    await until(() => one.heard.some(({ type }) => type === FrameType.GOAWAY) || one.closed, "the connection is ended").finally(() =>
      clearInterval(busy),
    );
  });
});

test("unauthenticated clients over HTTP/1.1 that pipeline requests and read nothing hold nothing once a short time is over", async () => {
  for (let i = 0; i < 20; i++) {
    const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert });
    connections.push(socket);
    socket.pause();
    socket.on("error", () => {});
    socket.write("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(5000));
  }
  await until(() => front.held().pendingRefusals > 0, "they are being refused");
  await until(() => front.held().pendingRefusals === 0, "nothing is held of them");
  await until(() => front.held().sockets === 0, "nor are their connections");
  await fine();
});

test("unauthenticated clients over HTTP/2 that do not even read their socket hold nothing once a short time is over", async () => {
  const all = Array.from({ length: 5 }, () => unauthenticated());
  for (const one of all) {
    one.socket.pause();
    one.ask(nowhere(100));
  }
  await until(() => front.held().pendingRefusals > 0, "they are being refused");
  await until(() => front.held().sessions === 0 && front.held().sockets === 0, "none is left");
  await fine();
});

test("an unauthenticated client that sends GOAWAY and then stays is disconnected", async () => {
  const one = unauthenticated();
  one.ask(nowhere(3));
  await until(() => front.held().pendingRefusals === 3, "it is being refused");
  one.socket.write(frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)));
  await until(() => front.held().sockets === 0 && one.closed, "the connection is gone");
});

describe("an authenticated client", () => {
  test("keeps the watches on a connection whose refusals go unread", async () => {
    const one = unauthenticated(0);
    one.ask(["/clusters/east/watch"], [["authorization", headers.authorization]]);
    await until(() => one.streamsWith(FrameType.HEADERS) === 1, "the watch has begun");
    one.ask(nowhere(20));
    await until(() => one.streamsWith(FrameType.RST_STREAM) === 20, "each refusal is over, unread");
    expect(one.closed).toBe(false);
    expect(front.open.count).toBe(1);
    expect(front.held().pendingRefusals).toBe(0);
  });

  test("may then open a thousand requests on the connection", async () => {
    const session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
    connections.push(session);
    session.on("error", () => {});
    const open = () => {
      const stream = session.request({ ":path": "/clusters/east/watch", ...headers });
      stream.on("error", () => {});
      return stream.resume();
    };
    open();
    await until(() => session.remoteSettings.maxConcurrentStreams === 1000, "the proxy raised the limit");
    for (let i = 1; i < 300; i++) open();
    await until(() => front.open.count === 300, "all are open at once");
  });

  test("reads why each of a hundred requests at once was refused", async () => {
    const session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
    connections.push(session);
    const bodies = await Promise.all(
      nowhere(100).map(async (path) => {
        let body = "";
        for await (const piece of session.request({ ":path": path, ...headers })) body += piece;
        return JSON.parse(body) as { code: number };
      }),
    );
    expect(bodies.map(({ code }) => code)).toEqual(bodies.map(() => 404));
  });
});
