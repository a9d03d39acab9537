// Two ends of a tunnel over TLS on loopback; one reader stalls in the middle of 500 MB.

import { setImmediate as turn } from "node:timers/promises";
import { connect, createServer, type TLSSocket } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import type { RequestHead } from "./head.ts";
import { Session } from "./session.ts";
import type { Stream } from "./stream.ts";

const BULK_BYTES = 500_000_000;
const LIMIT_BYTES = 2_000_000;
const request = (path: string): RequestHead => ({
  method: "GET",
  path,
  headers: [],
  body: "none",
  user: "u",
  uid: "",
  groups: [],
  extra: {},
});

let opener: Session;
let acceptor: Session;
let produced = 0;
const sockets: TLSSocket[] = [];

/** Answers /bulk with 500 MB as fast as backpressure allows, anything else with 1 KB. */
function answer(stream: Stream): void {
  stream.resume();
  stream.sendHead({ status: 200, headers: [] });
  if (stream.request.path !== "/bulk") {
    stream.end(Buffer.alloc(1024, 1));
    return;
  }
  const piece = Buffer.alloc(64 * 1024, 2);
  const feed = () => {
    while (produced < BULK_BYTES) {
      produced += piece.length;
      if (!stream.write(piece)) return;
    }
    stream.end();
  };
  stream.on("drain", feed);
  feed();
}

beforeAll(async () => {
  const authority = Authority.create("tunnel test");
  const { cert, key } = authority.certificate({ commonName: "localhost" }, ["server"], ["localhost"]);
  const accepted = Promise.withResolvers<TLSSocket>();
  const server = createServer({ cert, key }, accepted.resolve).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const client = connect({ host: "127.0.0.1", port: address.port, ca: authority.cert, servername: "localhost" });
  await new Promise((resolve) => client.once("secureConnect", resolve));
  const socket = await accepted.promise;
  sockets.push(client, socket);
  server.close();
  opener = new Session(socket, { role: "opener" });
  acceptor = new Session(client, { role: "acceptor", onStream: answer });
});

afterAll(() => {
  opener?.destroy();
  for (const socket of sockets) socket.destroy();
});

const held = () =>
  opener.bufferedBytes + acceptor.bufferedBytes + sockets.reduce((sum, socket) => sum + socket.writableLength + socket.readableLength, 0);
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const memory = () => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

async function small(): Promise<number> {
  const stream = opener.open(request("/small"));
  stream.end();
  let bytes = 0;
  for await (const piece of stream) bytes += (piece as Buffer).length;
  return bytes;
}

test("a reader that stalls in 500 MB does not stop other requests, and makes both ends grow by less than 2 MB", async () => {
  for (let i = 0; i < 200; i++) await small();
  const before = memory();
  const bulk = opener.open(request("/bulk"));
  bulk.end();
  await bulk.head;
  let read = 0;
  let stalled = false;
  await new Promise<void>((resolve) => {
    bulk.on("data", (piece: Buffer) => {
      read += piece.length;
      if (read < 5_000_000 || stalled) return;
      stalled = true;
      bulk.pause();
      resolve();
    });
  });
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    expect(await small()).toBe(1024);
    most = Math.max(most, held());
  }
  expect(produced - read).toBeLessThan(LIMIT_BYTES);
  expect(most).toBeLessThan(LIMIT_BYTES);
  expect(memory() - before).toBeLessThan(2 * LIMIT_BYTES);

  const finished = new Promise((resolve) => bulk.once("end", resolve));
  bulk.resume();
  for (const others = { done: false }; !others.done; ) {
    await small();
    await turn();
    others.done = bulk.readableEnded;
  }
  await finished;
  expect(read).toBe(produced);
  expect(read).toBeGreaterThanOrEqual(BULK_BYTES);
}, 60_000);
