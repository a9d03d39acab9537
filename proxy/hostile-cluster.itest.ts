// Clusters that answer as no API server does, and clients that leave or stop reading: the proxy serves everybody else meanwhile.
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { TunnelCode } from "../lib/tunnel/errors.ts";
import type { Stream } from "../lib/tunnel/stream.ts";
import { Authority } from "../test/certificates.ts";
import { type Front, startFront, TOKEN } from "../test/proxy/front.ts";
import { until } from "../test/until.ts";

jest.setTimeout(60_000);

const authority = Authority.create("front test");
const headers = { authorization: `Bearer ${TOKEN}` };
let front: Front;
let answer: (stream: Stream) => void = () => {};
let produced = 0;

const PIECE = Buffer.alloc(64 * 1024, "x");

/** As fast as it may, up to so many bytes. */
function bulk(stream: Stream, bytes: number): void {
  stream.sendHead({ status: 200, headers: [] });
  let left = bytes;
  const feed = (): void => {
    while (left > 0) {
      left -= PIECE.length;
      produced += PIECE.length;
      if (!stream.write(PIECE)) return;
    }
    stream.end();
  };
  stream.on("drain", feed);
  feed();
}

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  front = await startFront(authority.cert, serving, {
    east: (stream) => {
      stream.resume();
      if (stream.request.path === "/fine") {
        stream.sendHead({ status: 200, headers: ["Content-Length", "4"] });
        stream.end("fine");
      } else answer(stream);
    },
  });
});
afterAll(async () => {
  await front?.close();
});

/** What a connection says when both requests are sent at once on it: everything until it ends, or until `fine` came. */
function pipelined(first: string, method = "GET"): Promise<string> {
  const one = (method: string, path: string) =>
    `${method} /clusters/east${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert }, () =>
      socket.write(one(method, first) + one("GET", "/fine")),
    );
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.endsWith("fine")) socket.destroy();
    });
    socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
    socket.on("close", () => resolve(text));
  });
}

async function fine(): Promise<void> {
  const { status, body } = await get("/fine");
  expect([status, body]).toEqual([200, "fine"]);
}

function get(path: string, onData: () => void = () => {}): Promise<{ status: number; body: string; complete: boolean }> {
  return new Promise((resolve, reject) => {
    const req = request(
      { host: "127.0.0.1", port: front.port, ca: authority.cert, path: `/clusters/east${path}`, headers, agent: false },
      (res) => {
        let body = "";
        res.on("data", (piece: Buffer) => {
          body += piece.toString();
          onData();
        });
        res.on("error", () => {});
        res.on("close", () => resolve({ status: res.statusCode ?? 0, body, complete: res.complete }));
      },
    );
    req.on("error", reject);
    req.end();
  });
}

describe("an answer that is not what it says", () => {
  const POISON = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

  test.each<[string, string, (stream: Stream) => void]>([
    ["longer than it declares", "GET", (stream) => answerWith(stream, 200, ["Content-Length", "2"], `ok${POISON}`)],
    [
      "of another length in each of two headers",
      "GET",
      (stream) => answerWith(stream, 200, ["Content-Length", "2", "Content-Length", "60"], `ok${POISON}`),
    ],
    ["with two lengths in one header", "GET", (stream) => answerWith(stream, 200, ["Content-Length", "2, 60"], `ok${POISON}`)],
    ["shorter than it declares", "GET", (stream) => answerWith(stream, 200, ["Content-Length", "5000"], "ok")],
    ["chunked by its own account", "GET", (stream) => answerWith(stream, 200, ["Transfer-Encoding", "chunked"], `0\r\n\r\n${POISON}`)],
    ["a body where none may be: 304", "GET", (stream) => answerWith(stream, 304, [], POISON)],
    ["a body where none may be: 204", "GET", (stream) => answerWith(stream, 204, [], POISON)],
    ["a body where none may be: HEAD", "HEAD", (stream) => answerWith(stream, 200, ["Content-Length", "2"], POISON)],
    [
      "a change of protocol that nobody asked for",
      "GET",
      (stream) => answerWith(stream, 101, ["Upgrade", "x", "Connection", "Upgrade"], POISON),
    ],
  ])("never becomes the next one on the connection: %s", async (_, method, play) => {
    answer = play;
    const text = await pipelined("/first", method);
    // Either the connection ended, or the second answer is the second request's.
    const heads = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)];
    const poisoned = text.includes("poison") && !/\r\n\r\n[0-9a-f]+\r\n0\r\n\r\nHTTP/.test(text);
    expect(poisoned).toBe(false);
    expect(text).not.toContain("HTTP/1.1 101");
    if (!text.endsWith("fine")) expect(heads.length).toBeLessThanOrEqual(1);
    await fine();
  });

  function answerWith(stream: Stream, status: number, headers: string[], body: string): void {
    stream.sendHead({ status, headers });
    stream.end(body);
  }

  test("is broken off for the client when the cluster breaks it off, and refused when there was none", async () => {
    let breakOff = (): void => {};
    answer = (stream) => {
      stream.sendHead({ status: 200, headers: [] });
      stream.write("half");
      breakOff = () => stream.reset(TunnelCode.Unreachable, "gone");
    };
    expect(await get("/x", () => breakOff())).toEqual({ status: 200, body: "half", complete: false });
    for (const [code, status] of [
      [TunnelCode.Unreachable, 502],
      [TunnelCode.IdentityRefused, 403],
      [TunnelCode.Revoked, 403],
      [TunnelCode.Refused, 429],
      [TunnelCode.Internal, 502],
    ] as const) {
      answer = (stream) => stream.reset(code, "no");
      const refused = await get("/x");
      expect([refused.status, JSON.parse(refused.body).kind]).toEqual([status, "Status"]);
    }
  });
});

describe("a client", () => {
  test("that leaves at any moment takes nobody with it, over HTTP/1.1 and HTTP/2", async () => {
    answer = (stream) => bulk(stream, 3_000_000);
    const session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
    session.on("error", () => {});
    for (let i = 0; i < 60; i++) {
      const leave = (cut: () => void) => (i % 3 === 0 ? cut() : setTimeout(cut, (i % 20) * 2));
      const req = request(
        { host: "127.0.0.1", port: front.port, ca: authority.cert, path: "/clusters/east/x", headers, agent: false },
        (res) => res.resume().on("error", () => {}),
      );
      req.on("error", () => {});
      req.end();
      leave(() => req.destroy());
      const stream = session.request({ ":path": "/clusters/east/x", ...headers });
      stream.on("error", () => {});
      stream.resume();
      leave(() => stream.destroy());
      const upload = request({
        host: "127.0.0.1",
        port: front.port,
        ca: authority.cert,
        path: "/clusters/east/x",
        method: "POST",
        headers,
        agent: false,
      });
      upload.on("error", () => {});
      upload.write(PIECE);
      leave(() => upload.destroy());
      if (i % 10 === 0) await fine();
    }
    await until(() => front.acceptor.streamCount === 0 && front.open.count === 0, "every stream ends");
    session.destroy();
    await fine();
  });

  test("that stops reading a large answer keeps nobody waiting and little in memory", async () => {
    answer = (stream) => bulk(stream, 100_000_000);
    produced = 0;
    const readers = await Promise.all([1, 2].map(stalledReader));
    const before = produced;
    for (let i = 0; i < 100; i++) await fine();
    // Two times 100 MB were asked for; what left the cluster is in the buffers of the kernel.
    expect(before).toBeLessThan(50_000_000);
    expect(produced).toBe(before);
    const held =
      front.tunnels.bufferedBytes + front.acceptor.bufferedBytes + front.sockets.reduce((sum, socket) => sum + socket.writableLength, 0);
    expect(held).toBeLessThan(2 * 2_000_000);
    for (const reader of readers) reader.destroy();
    await until(() => front.acceptor.streamCount === 0, "the streams end");
  });

  /** Reads a little, then nothing; resolves when the cluster has noticed. */
  async function stalledReader() {
    const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert });
    socket.on("error", () => {});
    socket.write(`GET /clusters/east/bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    let last = -1;
    await until(async () => {
      const still = produced === last;
      last = produced;
      await fine();
      return still;
    }, "the cluster's side stands still");
    return socket;
  }

  test("is recorded once, with how it ended", async () => {
    answer = (stream) => stream.reset(TunnelCode.Unreachable, "gone");
    await get("/recorded?secret=sentinel");
    const records = front.records().filter(({ path }) => path === "/recorded");
    expect(records).toMatchObject([
      { stage: "end", decision: "deny", user: "alice", cluster: "east", method: "GET", status: 502, refusal: "ClusterUnreachable" },
    ]);
    expect(JSON.stringify(front.records())).not.toMatch(/sentinel|drv_/);
  });
});

test("an address that opens connections and says nothing does not keep others out", async () => {
  const idle = Array.from({ length: 300 }, () => connectPlain({ host: "127.0.0.1", port: front.port, localAddress: "127.0.3.1" }));
  let closed = 0;
  for (const socket of idle)
    socket
      .resume()
      .on("error", () => {})
      .on("close", () => void closed++);
  await until(() => closed >= 200, "all but a hundred are closed at once");
  await fine();
  expect(closed).toBe(200);
  for (const socket of idle) socket.destroy();
});

describe("HTTP/2 with bytes that no client library sends", () => {
  /** One request with exactly these header fields, none of them compressed; what comes back, as frame types. */
  function rawHttp2(fields: readonly (readonly [string, string])[]): Promise<{ types: number[]; payload: string }> {
    const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head[3] = type;
      head[4] = flags;
      head.writeUInt32BE(id, 5);
      return Buffer.concat([head, payload]);
    };
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, "latin1")]);
    const block = Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])));
    const bytes = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, block)]);
    return new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert, ALPNProtocols: ["h2"] }, () => socket.write(bytes));
      let got = Buffer.alloc(0);
      const types: number[] = [];
      let payload = "";
      socket.on("data", (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        while (got.length >= 9 && got.length >= 9 + got.readUIntBE(0, 3)) {
          const length = got.readUIntBE(0, 3);
          types.push(got[3] as number);
          payload += got.subarray(9, 9 + length).toString("latin1");
          const ends = (got[3] === 0 || got[3] === 1) && ((got[4] as number) & 1) === 1;
          if (ends || got[3] === 3 || got[3] === 7) socket.destroy();
          got = got.subarray(9 + length);
        }
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve({ types, payload }));
    });
  }
  const fields = (over: Record<string, string> = {}, more: readonly (readonly [string, string])[] = []) => [
    ...Object.entries({
      ":method": "GET",
      ":scheme": "https",
      ":path": "/clusters/east/fine",
      ":authority": "x",
      authorization: headers.authorization,
      ...over,
    }),
    ...more,
  ];

  test("a plain one of this kind is served", async () => {
    const seen = await rawHttp2(fields());
    expect(seen.payload).toContain("fine");
  });

  test.each<[string, readonly [string, string]]>([
    ["a line break in a value", ["x-a", "b\r\nimpersonate-user: root"]],
    ["a line break in a name", ["x-a\r\nimpersonate-user", "root"]],
    ["NUL in a value", ["x-a", "a\0b"]],
    ["a control character in a value", ["x-a", "a\x7fb"]],
  ])("%s: the field goes no further", async (_, field) => {
    let seen: readonly string[] = [];
    answer = (stream) => {
      seen = stream.request.headers;
      stream.sendHead({ status: 200, headers: [] });
      stream.end("seen");
    };
    await rawHttp2(fields({ ":path": "/clusters/east/seen" }, [field]));
    expect(seen.join("\n")).not.toMatch(/x-a|impersonate/);
    await fine();
  });

  test.each<[string, readonly (readonly [string, string])[]]>([
    ["an upper-case name", fields({}, [["Impersonate-User", "root"]])],
    ["a hop-by-hop header", fields({}, [["connection", "impersonate-user"]])],
    ["Transfer-Encoding", fields({}, [["transfer-encoding", "chunked"]])],
    ["a length without a body", fields({}, [["content-length", "10"]])],
    [
      "two lengths",
      fields({}, [
        ["content-length", "0"],
        ["content-length", "1"],
      ]),
    ],
    ["two paths", fields({}, [[":path", "/clusters/west/x"]])],
    ["a pseudo-header behind others", [...fields(), [":method", "POST"]]],
    ["an unknown pseudo-header", [[":protocol", "websocket"], ...fields()]],
    ["a path with a space", fields({ ":path": "/clusters/east/fine HTTP/1.1" })],
    ["a path with a line break", fields({ ":path": "/clusters/east/fine\r\nX: y" })],
    ["an empty path", fields({ ":path": "" })],
    ["an absolute URL as its path", fields({ ":path": "https://x/clusters/east/fine" })],
    ["an identity", fields({}, [["impersonate-user", "root"]])],
    ["CONNECT", fields({ ":method": "CONNECT" })],
  ])("%s: refused, and nothing is forwarded", async (_, sent) => {
    let forwarded = 0;
    answer = () => {
      forwarded++;
    };
    const seen = await rawHttp2(sent);
    expect(seen.payload).not.toContain("fine");
    expect(forwarded).toBe(0);
    await fine();
  });
});
