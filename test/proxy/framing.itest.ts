// How many requests go in is how many are heard behind, and each as it was: bytes in by raw sockets, bytes out to a recorder with a
// parser of its own. Both ways that requests take: a user's through tunnel and agent to the cluster's API server, an agent's to the hub.
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Forwarder } from "../../agent/tunnel/forward.ts";
import type { Framing } from "../../lib/http1/head.ts";
import { TunnelCode, type TunnelError } from "../../lib/tunnel/errors.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { Authority } from "../certificates.ts";
import { Recorder } from "../recorder.ts";
import { until } from "../until.ts";
import { type Front, startFront, TOKEN } from "./front.ts";

jest.setTimeout(120_000);

const authority = Authority.create("framing test");
let front: Front;
let recorder: Recorder;
let forwarder: Forwarder;
let session: ClientHttp2Session;

beforeAll(async () => {
  recorder = await Recorder.start();
  forwarder = new Forwarder({
    ...{ server: recorder.server, ca: recorder.ca, token: () => "impersonators-own" },
    ...{ knowsGroup: () => true, onBegin: () => () => {} },
  });
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  front = await startFront(
    authority.cert,
    serving,
    { east: (stream) => forwarder.handle(stream) },
    { upstream: { server: recorder.server, ca: recorder.ca } },
  );
  session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert });
  await once(session, "connect");
}, 60_000);
beforeEach(() => recorder.forget());
afterAll(async () => {
  session?.destroy();
  forwarder?.close();
  recorder?.close();
  await front?.close();
});

const MAPS = "/api/v1/namespaces/default/configmaps";
/** `path`: of a GET; `writes`: of everything else. */
const CLUSTER = { prefix: "/clusters/east", path: MAPS, writes: MAPS, token: TOKEN };
const SET = "/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets/cluster";
const HUB = { prefix: "/agents/east/hub", path: SET, writes: `${SET}/status`, token: "eyJ.eyJ.sig" };
type Way = typeof CLUSTER;
/** What an agent's PATCH has to be. */
const PATCHES = "application/merge-patch+json";

interface Request {
  readonly method: string;
  /** "length", "chunked": HTTP/1.1 says so; over HTTP/2 with and without content-length. */
  readonly framing: "none" | "length" | "chunked";
  readonly body: string;
}

interface Outcome {
  readonly status: number;
}

/** The requests one after the other on one connection, then waits for as many answers. */
function overHttp1(way: Way, requests: readonly Request[]): Promise<Outcome[]> {
  const bytes = requests.map(({ method, framing, body }, i) => {
    const lines = [
      `${method} ${way.prefix}${method === "GET" ? way.path : way.writes}?n=${i} HTTP/1.1`,
      "Host: proxy",
      `Authorization: Bearer ${way.token}`,
      `Content-Type: ${PATCHES}`,
    ];
    if (framing === "length") lines.push(`Content-Length: ${Buffer.byteLength(body, "latin1")}`);
    if (framing === "chunked") lines.push("Transfer-Encoding: chunked");
    const chunk = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`;
    return `${lines.join("\r\n")}\r\n\r\n${framing === "chunked" ? `${chunk}0\r\n\r\n` : body}`;
  });
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert, ALPNProtocols: ["http/1.1"] }, () => {
      socket.write(Buffer.from(bytes.join(""), "latin1"));
    });
    const answers = (): Outcome[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => ({ status: Number(status) }));
    socket.on("data", (piece: Buffer) => {
      text += piece.toString("latin1");
      if (answers().length === requests.length) socket.end();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answers()));
  });
}

const overHttp2 = (way: Way, requests: readonly Request[]): Promise<Outcome[]> =>
  Promise.all(
    requests.map(
      ({ method, framing, body }, i) =>
        new Promise<Outcome>((resolve, reject) => {
          const bytes = Buffer.from(body, "latin1");
          const length = framing === "length" ? { "content-length": String(bytes.length) } : {};
          const headers = {
            ":method": method,
            ":path": `${way.prefix}${method === "GET" ? way.path : way.writes}?n=${i}`,
            authorization: `Bearer ${way.token}`,
            "content-type": PATCHES,
            ...length,
          };
          const stream = session.request(headers, { endStream: framing === "none" });
          let status = 0;
          stream.on("response", (answer) => {
            status = Number(answer[":status"]);
          });
          stream.on("error", reject);
          stream.on("close", () => resolve({ status }));
          stream.resume();
          if (framing !== "none") stream.end(bytes);
        }),
    ),
  );

/** Bodies that look like what follows a request, besides plain ones. */
const body = fc.oneof(
  fc.constant(""),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.constantFrom(
    "GET /api/v1/secrets HTTP/1.1\r\nHost: hub\r\n\r\n",
    "\r\n\r\nDELETE /api/v1/namespaces/default HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  ),
  fc.integer({ min: 1, max: 60_000 }).map((length) => "x".repeat(length)),
);
const request = (methods: readonly string[]) =>
  fc
    .record({ method: fc.constantFrom(...methods), framing: fc.constantFrom("none", "length", "chunked"), body })
    .map((made) => (made.framing === "none" ? { ...made, body: "" } : made) as Request);

const versions = [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const;

describe.each(versions)("over %s", (version, send) => {
  test("as many requests reach a cluster's API server as were made, each with its own method and body", async () => {
    const any = request(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 5 }), async (requests) => {
        recorder.forget();
        const answers = await send(CLUSTER, requests);
        expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 200));
        expect(heard()).toEqual(sorted(requests));
        for (const connection of recorder.connections) expect([connection.rest.length, connection.broken]).toEqual([0, false]);
      }),
      { numRuns: 60 },
    );
  });

  test("as many requests reach the hub as were admitted from an agent, each with its own method and body", async () => {
    const any = request(["GET", "PATCH", "PUT", "DELETE", "OPTIONS"]);
    await fc.assert(
      fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 5 }), async (requests) => {
        recorder.forget();
        const answers = await send(HUB, requests);
        const admitted = requests.filter(({ method, framing, body: sent }) => {
          if (method !== "GET") return method === "PATCH";
          return framing === "none" || (version === "HTTP/1.1" && framing === "length" && sent === "");
        });
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(admitted.length);
        expect(heard()).toEqual(sorted(admitted));
        for (const connection of recorder.connections) expect([connection.rest.length, connection.broken]).toEqual([0, false]);
      }),
      { numRuns: 60 },
    );
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted = (requests: readonly Request[]): string[] => requests.map(({ method, body: sent }) => `${method} ${sent}`).sort(byText);
const heard = (): string[] => recorder.heard.map(({ method, body: came }) => `${method} ${came}`).sort(byText);

describe("what arrives at the API server is framed as the client framed it", () => {
  const framed = (): string[] =>
    recorder.heard.flatMap(({ headers }) =>
      headers.filter(([name]) => name === "content-length" || name === "transfer-encoding").map(([name, value]) => `${name}: ${value}`),
    );

  test.each<[string, Request["framing"], string, string[]]>([
    ["GET", "none", "", []],
    ["DELETE", "none", "", []],
    ["POST", "none", "", ["content-length: 0"]],
    ["GET", "length", "", ["content-length: 0"]],
    ["POST", "length", "", ["content-length: 0"]],
    ["POST", "length", "hello", ["content-length: 5"]],
    ["DELETE", "length", "hello", ["content-length: 5"]],
    ["GET", "length", "hello", ["content-length: 5"]],
    ["GET", "chunked", "hello", ["transfer-encoding: chunked"]],
    ["POST", "chunked", "hello", ["transfer-encoding: chunked"]],
    ["DELETE", "chunked", "hello", ["transfer-encoding: chunked"]],
  ])("a %s with framing %s and body %j", async (method, framing, sent, expected) => {
    for (const [, send] of versions) {
      recorder.forget();
      expect(await send(CLUSTER, [{ method, framing, body: sent }])).toEqual([{ status: 200 }]);
      expect(recorder.heard.map((request) => request.body)).toEqual([sent]);
      expect(framed()).toEqual(expected);
    }
  });
});

describe("connections", () => {
  test("to the hub are each for one agent's token alone", async () => {
    const ask = (token: string): Promise<Outcome[]> => overHttp1({ ...HUB, token }, [{ method: "GET", framing: "none", body: "" }]);
    for (let round = 0; round < 4; round++)
      for (const token of ["a.b.c", "d.e.f", "g.h.i"]) expect(await ask(token)).toEqual([{ status: 200 }]);
    expect(recorder.heard).toHaveLength(12);
    const used = recorder.connections.filter(({ heard }) => heard.length > 0);
    const tokens = used.map(({ heard }) => new Set(heard.map(({ headers }) => headers.find(([name]) => name === "authorization")?.[1])));
    expect(tokens.map(({ size }) => size)).toEqual(used.map(() => 1));
  });

  test("on which an answer came that nobody asked for are not used again", async () => {
    const one: Request = { method: "GET", framing: "none", body: "" };
    await overHttp1(HUB, [one]);
    const used = recorder.connections.find(({ heard }) => heard.length > 0);
    used?.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    await until(() => used?.socket.destroyed ?? false, "the connection is closed");
    recorder.forget();
    expect(await overHttp1(HUB, [one])).toEqual([{ status: 200 }]);
    expect(recorder.heard).toHaveLength(1);
  });
});

describe("a tunnel whose DATA are not what its OPEN said", () => {
  const FAKE = "GET /api/v1/secrets HTTP/1.1\r\nHost: x\r\n\r\n";

  test.each<[string, Framing, string]>([
    ["more than were announced", 5, `hello${FAKE}`],
    ["fewer than were announced", 500, FAKE],
    ["any where none were announced", "none", FAKE],
    ["any where a length of 0 was announced", 0, FAKE],
  ])("reaches the API server with no request of its own: %s", async (_, framing, data) => {
    const head = { method: "POST", path: "/api", headers: [], user: "drover:user:alice", uid: "", groups: [], extra: {} };
    const stream = front.tunnels.pick("east")?.open({ ...head, body: framing });
    const failed = once(stream as Stream, "error");
    stream?.resume();
    stream?.end(data);
    const [error] = (await failed) as [TunnelError];
    expect(error.code).toBe(TunnelCode.Protocol);
    expect(await overHttp1(CLUSTER, [{ method: "GET", framing: "none", body: "" }])).toEqual([{ status: 200 }]);
    expect(recorder.heard.filter(({ target }) => target.includes("secrets"))).toEqual([]);
  });

  test("has its connection closed when the answer was there before the body's end", async () => {
    recorder.hasty = true;
    try {
      const head = { method: "POST", path: "/early", headers: [], user: "drover:user:alice", uid: "", groups: [], extra: {} };
      const stream = front.tunnels.pick("east")?.open({ ...head, body: 10 }) as Stream;
      stream.resume();
      stream.write("hello");
      await once(stream, "end");
      const used = recorder.connections.find(({ rest }) => rest.includes("/early"));
      await until(() => used?.socket.destroyed ?? false, "the connection is closed");
      stream.end("world");
      expect(used?.heard).toEqual([]);
    } finally {
      recorder.hasty = false;
    }
  });
});
