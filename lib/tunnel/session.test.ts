import { once } from "node:events";
import { duplexPair } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Decoder } from "./decode.ts";
import {
  dataFrame,
  encodeFrames,
  endFrame,
  goawayFrame,
  headFrame,
  openFrame,
  pingFrame,
  replicasFrame,
  resetFrame,
  windowFrame,
} from "./encode.ts";
import { TunnelCode, TunnelError } from "./errors.ts";
import { ACK, type Frame } from "./frame.ts";
import type { RequestHead } from "./head.ts";
import { Session, type SessionOptions } from "./session.ts";
import type { Stream } from "./stream.ts";

const request: RequestHead = {
  method: "GET",
  path: "/api",
  headers: [],
  body: "none",
  user: "drover:user:alice",
  uid: "",
  groups: [],
  extra: {},
};
const ok = { status: 200, headers: [] };

/** Two ends of a tunnel in one process. */
function pair(onStream: (stream: Stream) => void, config: SessionOptions["config"] = {}) {
  const [left, right] = duplexPair();
  const opener = new Session(left, { role: "opener", config });
  const acceptor = new Session(right, { role: "acceptor", onStream, config });
  return { opener, acceptor };
}

/** One end of a tunnel; the test plays the other with raw frames. `heard`: the names of the frames that come back. */
function hostile(options: SessionOptions) {
  const [left, right] = duplexPair();
  const session = new Session(left, options);
  const heard: unknown[][] = [];
  const note =
    (name: string) =>
    (...rest: unknown[]) => {
      heard.push([name, ...rest]);
    };
  const sink = Object.fromEntries(
    ["open", "head", "data", "end", "reset", "window", "ping", "goaway", "replicas"].map((name) => [name, note(name)]),
  );
  const decoder = new Decoder(sink as never, { maxHeadBytes: 1 << 20 });
  right.on("data", (chunk: Buffer) => decoder.push(chunk));
  right.on("error", () => {});
  return { session, heard, peer: right, send: (...frames: Frame[]) => right.write(Buffer.concat(encodeFrames(frames))) };
}

const open = (id: number) => openFrame(id, JSON.stringify(request));
const head = (id: number) => headFrame(id, JSON.stringify(ok));
const turn = () => new Promise((resolve) => setImmediate(resolve));
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

function echo(stream: Stream): void {
  stream.sendHead(ok);
  stream.pipe(stream);
}

describe("a stream", () => {
  test("carries a request, the response head and both bodies", async () => {
    const seen: RequestHead[] = [];
    const { opener } = pair((stream) => {
      seen.push(stream.request);
      echo(stream);
    });
    const stream = opener.open(request);
    stream.end("hello");
    expect(await stream.head).toEqual(ok);
    expect(await text(stream)).toBe("hello");
    expect(seen).toEqual([request]);
    expect(opener.streamCount).toBe(0);
  });

  test("carries any bytes in any portions in both directions at once, with windows of any size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 1000 }),
        async (pieces, initialWindowBytes, maxDataBytes) => {
          const { opener, acceptor } = pair(echo, { initialWindowBytes, maxDataBytes });
          const stream = opener.open(request);
          for (const piece of pieces) stream.write(piece);
          stream.end();
          expect((await buffer(stream)).equals(Buffer.concat(pieces))).toBe(true);
          await until(() => acceptor.streamCount === 0 && opener.streamCount === 0);
          opener.close();
          expect(await opener.closed).toBeUndefined();
        },
      ),
      { numRuns: 40 },
    );
  });

  test("lets one side end while the other goes on", async () => {
    const { opener } = pair((stream) => {
      stream.sendHead(ok);
      stream.end("answer");
      stream.resume();
    });
    const stream = opener.open(request);
    expect(await text(stream)).toBe("answer");
    expect(stream.writable).toBe(true);
    expect(opener.streamCount).toBe(1);
    stream.end("late");
    await until(() => opener.streamCount === 0);
  });

  test("makes a sender wait while nobody reads, and buffers no more than the window and two stream buffers", async () => {
    const total = 4 * 1024 * 1024;
    let sent = 0;
    const { opener, acceptor } = pair(
      (stream) => {
        stream.sendHead(ok);
        const feed = () => {
          for (let more = true; more && sent < total; sent += 10_000) more = stream.write(Buffer.alloc(10_000));
          if (sent >= total) stream.end();
        };
        stream.on("drain", feed);
        feed();
      },
      { initialWindowBytes: 100_000 },
    );
    const stalled = opener.open(request);
    await stalled.head;
    for (let i = 0; i < 100; i++) await turn();
    expect(sent).toBeLessThan(400_000);
    expect(opener.bufferedBytes + acceptor.bufferedBytes).toBeLessThan(400_000);
    expect((await buffer(stalled)).length).toBeGreaterThanOrEqual(total);
  });

  test("that is reset by one side fails on the other with the same code and message", async () => {
    const { opener } = pair((stream) => stream.reset(TunnelCode.Revoked, "the binding is gone"));
    const stream = opener.open(request);
    await expect(stream.head).rejects.toMatchObject({
      code: TunnelCode.Revoked,
      reason: "Revoked",
      message: "the binding is gone",
      remote: true,
    });
    expect(opener.streamCount).toBe(0);
  });

  test("that is destroyed by the opener is cancelled for the acceptor", async () => {
    const accepted = Promise.withResolvers<Stream>();
    const { opener, acceptor } = pair((stream) => accepted.resolve(stream));
    const stream = opener.open(request);
    const other = await accepted.promise;
    stream.destroy();
    const [error] = await once(other, "error");
    expect(error).toMatchObject({ code: TunnelCode.Cancelled, remote: true });
    expect(acceptor.streamCount).toBe(0);
  });

  test("without an error listener ends without an uncaught error", async () => {
    const { opener, acceptor } = pair(() => {});
    opener.open(request);
    await until(() => acceptor.streamCount === 1);
    acceptor.destroy();
    await opener.closed;
  });

  test("whose reader throws is reset, and the others go on", async () => {
    const { opener } = pair(echo);
    const bad = opener.open(request);
    bad.on("data", () => {
      throw new Error("reader");
    });
    bad.write("x");
    await new Promise((resolve) => bad.once("close", resolve));
    const good = opener.open(request);
    good.end("fine");
    expect(await text(good)).toBe("fine");
  });

  test("is refused with a head that is too long, before anything is sent", async () => {
    const { opener } = pair(echo, { maxHeadBytes: 1000 });
    expect(() => opener.open({ ...request, groups: ["x".repeat(1000)] })).toThrow(RangeError);
    const stream = opener.open(request);
    stream.end();
    expect(await stream.head).toEqual(ok);
  });
});

describe("a session", () => {
  test("closes after the streams that are open have ended, and takes no new ones meanwhile", async () => {
    const { opener, acceptor } = pair(echo);
    const stream = opener.open(request);
    await stream.head;
    opener.close();
    opener.close();
    expect(() => opener.open(request)).toThrow(TunnelError);
    stream.end("rest");
    expect(await text(stream)).toBe("rest");
    expect(await opener.closed).toBeUndefined();
    expect(await acceptor.closed).toBeUndefined();
  });

  test("that the acceptor closes drains too, after a GOAWAY to the opener", async () => {
    const [left, right] = duplexPair();
    const draining = Promise.withResolvers<TunnelError>();
    const opener = new Session(left, { role: "opener", onDraining: draining.resolve });
    const acceptor = new Session(right, { role: "acceptor", onStream: echo });
    const stream = opener.open(request);
    await stream.head;
    acceptor.close("restarting");
    expect(await draining.promise).toMatchObject({ code: TunnelCode.Done, message: "restarting", remote: true });
    expect(opener.usable).toBe(false);
    stream.end("rest");
    expect(await text(stream)).toBe("rest");
    expect(await acceptor.closed).toBeUndefined();
  });

  test("that is destroyed fails its streams on both sides with the reason, once", async () => {
    const accepted = Promise.withResolvers<Stream>();
    const { opener, acceptor } = pair((stream) => accepted.resolve(stream));
    const stream = opener.open(request);
    const other = await accepted.promise;
    const reason = new TunnelError(TunnelCode.Internal, "broken");
    opener.destroy(reason);
    opener.destroy();
    opener.close();
    await expect(stream.head).rejects.toBe(reason);
    expect(await opener.closed).toBe(reason);
    const [error] = await once(other, "error");
    expect(error).toMatchObject({ code: TunnelCode.Internal, message: "broken", remote: true });
    expect(await acceptor.closed).toMatchObject({ code: TunnelCode.Internal, remote: true });
  });

  test("whose connection is lost fails its streams", async () => {
    const [left, right] = duplexPair();
    const opener = new Session(left, { role: "opener" });
    const stream = opener.open(request);
    right.destroy();
    left.destroy();
    await expect(stream.head).rejects.toMatchObject({ code: TunnelCode.ConnectionLost });
    expect(await opener.closed).toMatchObject({ code: TunnelCode.ConnectionLost });
    await expect(opener.ping()).rejects.toThrow(TunnelError);
  });

  test("measures the round trip", async () => {
    const { opener, acceptor } = pair(() => {});
    expect(await opener.ping()).toBeGreaterThanOrEqual(0);
    expect(await acceptor.ping()).toBeGreaterThanOrEqual(0);
  });

  test("ends when the peer is silent for too long, and not while it answers", async () => {
    const config = { pingIntervalMs: 20, pingTimeoutMs: 60 };
    const silent = hostile({ role: "opener", config });
    expect(await silent.session.closed).toMatchObject({ code: TunnelCode.Timeout });
    const { session, heard, send } = hostile({ role: "opener", config });
    const answered = () => heard.filter(([name]) => name === "ping").length;
    for (let pings = 0; pings < 10; pings++) {
      await until(() => answered() > pings);
      send(pingFrame(Buffer.alloc(8), ACK));
    }
    expect(session.usable).toBe(true);
    session.destroy();
  });

  test("reads the bytes that came with the handshake, although the handshake left the connection paused", async () => {
    const [left, right] = duplexPair();
    const accepted = Promise.withResolvers<Stream>();
    left.pause();
    new Session(left, { role: "acceptor", onStream: accepted.resolve }, Buffer.concat(encodeFrames([open(1)])));
    right.resume();
    expect((await accepted.promise).request).toEqual(request);
  });

  test("gathers the frames of one turn into one write", async () => {
    const [left, right] = duplexPair();
    const opener = new Session(left, { role: "opener" });
    const chunks: Buffer[] = [];
    right.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (let i = 0; i < 10; i++) opener.open(request).end("body");
    await until(() => chunks.length > 0);
    await turn();
    expect(chunks.length).toBe(1);
  });

  test("sends the names of all replicas to the acceptor", async () => {
    const [left, right] = duplexPair();
    const opener = new Session(left, { role: "opener" });
    const heard: (readonly string[])[] = [];
    const acceptor = new Session(right, { role: "acceptor", onReplicas: (names) => heard.push(names) });
    opener.announce(["proxy-0"]);
    opener.announce(["proxy-0", "proxy-1"]);
    await until(() => heard.length === 2);
    expect(heard).toEqual([["proxy-0"], ["proxy-0", "proxy-1"]]);
    expect(() => acceptor.announce(["x"])).toThrow("only the opener");
    opener.destroy();
  });

  test("refuses contradictory limits", () => {
    const [left] = duplexPair();
    expect(() => new Session(left, { role: "opener", config: { pingIntervalMs: 5, pingTimeoutMs: 5 } })).toThrow(RangeError);
    expect(() => new Session(left, { role: "opener", config: { maxStreams: 0 } })).toThrow(RangeError);
  });
});

describe("a hostile opener", () => {
  const accepts = (config: SessionOptions["config"] = {}, onStream: (stream: Stream) => void = () => {}) =>
    hostile({ role: "acceptor", onStream, config });

  test.each<[string, () => Frame[], TunnelCode]>([
    ["opens a stream twice", () => [open(1), open(1)], TunnelCode.Protocol],
    ["opens streams backwards", () => [open(5), open(4)], TunnelCode.Protocol],
    ["speaks of a stream that never was", () => [dataFrame(1, Buffer.from("x"))], TunnelCode.Protocol],
    ["answers its own request", () => [open(1), head(1)], TunnelCode.Protocol],
    ["sends after its end", () => [open(1), endFrame(1), dataFrame(1, Buffer.from("x"))], TunnelCode.Protocol],
    ["ends twice", () => [open(1), endFrame(1), endFrame(1)], TunnelCode.Protocol],
    ["names replicas as no JSON", () => [{ ...replicasFrame([]), payload: "xx", bytes: 2 }], TunnelCode.Protocol],
    ["names no replica", () => [replicasFrame([])], TunnelCode.Protocol],
    ["names a replica with a line break", () => [replicasFrame(["a\nb"])], TunnelCode.Protocol],
    ["names more replicas than a frame may hold", () => [replicasFrame(Array(200).fill("x".repeat(60)))], TunnelCode.Protocol],
    ["grants no credit", () => [open(1), windowFrame(1, 0)], TunnelCode.Protocol],
    ["grants more credit than there is", () => [open(1), windowFrame(1, 0x7fffffff)], TunnelCode.Protocol],
    ["sends more than it has credit for", () => [open(1), dataFrame(1, Buffer.alloc(5001))], TunnelCode.FlowControl],
  ])("that %s gets the reason and loses the tunnel", async (_, frames, code) => {
    const { session, send, heard } = accepts({ initialWindowBytes: 5000 });
    send(...frames());
    expect(await session.closed).toMatchObject({ code, remote: false });
    await until(() => heard.some(([name, , said]) => name === "goaway" && said === code));
  });

  test("that sends a malformed request head ends that stream only", async () => {
    const { session, send, heard } = accepts({}, echo);
    send(open(1), openFrame(2, "[]"), open(3));
    await until(() => heard.length === 3);
    expect(heard.map(([name, id, code]) => [name, id, name === "reset" ? code : ""])).toEqual([
      ["head", 1, ""],
      ["reset", 2, TunnelCode.Protocol],
      ["head", 3, ""],
    ]);
    expect(session.streamCount).toBe(2);
  });

  test("cannot open more streams than the limit", async () => {
    const { session, send, heard } = accepts({ maxStreams: 3 });
    send(open(1), open(2), open(3), open(4));
    await until(() => heard.length > 0);
    expect(heard).toEqual([["reset", 4, TunnelCode.Refused, "too many streams"]]);
    expect(session.streamCount).toBe(3);
  });

  /** Writes the frames repeatedly, and reads nothing, until the tunnel is over. Returns the number of frames. */
  async function flood(frames: (round: number) => Frame[]): Promise<{ sent: number; most: number; reason: TunnelError | undefined }> {
    const [left, right] = duplexPair();
    const session = new Session(left, { role: "acceptor" });
    right.on("error", () => {});
    let sent = 0;
    let most = 0;
    for (let round = 0; round < 1000 && session.usable; round++) {
      const batch = frames(round);
      right.write(Buffer.concat(encodeFrames(batch)));
      sent += batch.length;
      await turn();
      most = Math.max(most, session.bufferedBytes);
    }
    return { sent, most, reason: await session.closed };
  }

  test("that floods with PINGs loses the tunnel at once, and its answers do not pile up", async () => {
    const { sent, most, reason } = await flood(() => Array.from({ length: 1000 }, () => pingFrame(Buffer.alloc(8), 0)));
    expect(reason).toMatchObject({ code: TunnelCode.Protocol, message: "the peer sent too many PINGs" });
    expect(sent).toBe(1000);
    expect(most).toBeLessThan(1000);
  });

  test("that provokes thousands of short answers and reads none loses the tunnel before they use much memory", async () => {
    // Beyond the limit of streams, each OPEN is answered with a RESET.
    const { sent, reason } = await flood((round) => Array.from({ length: 1000 }, (_, i) => openFrame(round * 1000 + i + 1, "[]")));
    expect(reason).toMatchObject({ code: TunnelCode.Timeout, message: "the peer does not read" });
    expect(sent).toBeLessThan(50_000);
  });

  test("that pings while it does not read gets the answer to its last PING only", async () => {
    const { session, heard, send, peer } = hostile({
      role: "acceptor",
      onStream: (stream) => {
        stream.sendHead(ok);
        stream.write(Buffer.alloc(64 * 1024));
      },
    });
    peer.pause();
    send(...[1, 2, 3, 4, 5].map(open));
    await until(() => session.congested);
    for (let i = 1; i <= 50; i++) send(pingFrame(Buffer.alloc(8, i), 0));
    await turn();
    peer.resume();
    await until(() => heard.some(([name]) => name === "ping"));
    await turn();
    expect(heard.filter(([name]) => name === "ping")).toEqual([["ping", Buffer.alloc(8, 50), true]]);
    session.destroy();
  });

  test("that resets streams while their frames are in flight does no harm", async () => {
    const { session, send, heard } = accepts({}, echo);
    send(
      open(1),
      dataFrame(1, Buffer.from("x")),
      resetFrame(1, 1, ""),
      dataFrame(1, Buffer.from("y")),
      endFrame(1),
      windowFrame(1, 5),
      open(2),
    );
    await until(() => heard.some(([name, id]) => name === "head" && id === 2));
    expect(session.streamCount).toBe(1);
  });

  test("cannot make the acceptor fail, except by ending the tunnel", async () => {
    const frame = fc.oneof(
      fc.integer({ min: 1, max: 4 }).map(open),
      fc.integer({ min: 1, max: 4 }).map(head),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.uint8Array({ minLength: 1, maxLength: 50 })).map(([id, piece]) => dataFrame(id, piece)),
      fc.integer({ min: 1, max: 4 }).map(endFrame),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(20)).map(([id, code]) => resetFrame(id, code, "")),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(0xffffffff)).map(([id, increment]) => windowFrame(id, increment)),
      fc.constant(pingFrame(Buffer.alloc(8), 1)),
      fc.nat(4).map((id) => goawayFrame(id, 0, "")),
      fc
        .tuple(fc.nat(255), fc.uint8Array({ minLength: 4, maxLength: 4 }))
        .map(([type, piece]) => ({ ...dataFrame(1, piece), type: type as never })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { maxLength: 12 }),
        fc.constantFrom("opener" as const, "acceptor" as const),
        async (frames, role) => {
          const { session, send, peer } = hostile({ role, onStream: echo });
          if (role === "opener") for (let i = 0; i < 3; i++) session.open(request).resume().end("x");
          send(...frames);
          peer.end();
          const reason = await session.closed;
          expect(reason === undefined || reason instanceof TunnelError).toBe(true);
          expect(session.streamCount).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a hostile acceptor", () => {
  const opens = () => {
    const played = hostile({ role: "opener" });
    return { ...played, stream: played.session.open(request) };
  };

  test.each<[string, () => Frame[]]>([
    ["opens a stream itself", () => [open(2)]],
    ["names replicas", () => [replicasFrame(["proxy-0"])]],
    ["answers twice", () => [head(1), head(1)]],
    ["sends a body before its head", () => [dataFrame(1, Buffer.from("x"))]],
    ["ends before its head", () => [endFrame(1)]],
    ["answers a request that nobody made", () => [head(2)]],
  ])("that %s loses the tunnel", async (_, frames) => {
    const { session, send, stream } = opens();
    stream.resume();
    send(...frames());
    expect(await session.closed).toMatchObject({ code: TunnelCode.Protocol });
  });

  test("that sends a header value with a line break ends that stream only", async () => {
    const { session, send, heard, stream } = opens();
    const other = session.open(request);
    send(headFrame(1, JSON.stringify({ status: 200, headers: ["a", "b\r\nSet-Cookie: c"] })), head(2));
    await expect(stream.head).rejects.toMatchObject({ code: TunnelCode.Protocol });
    expect(await other.head).toEqual(ok);
    await until(() => heard.some(([name, id]) => name === "reset" && id === 1));
  });

  test("that sends GOAWAY for streams it never accepted lets the opener retry elsewhere", async () => {
    const { session, send, stream } = opens();
    send(goawayFrame(0, TunnelCode.Done, "restarting"));
    await expect(stream.head).rejects.toMatchObject({ code: TunnelCode.Refused, remote: true });
    expect(await session.closed).toBeUndefined();
  });

  test("that sends random bytes cannot make the opener fail, except by ending the tunnel", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), async (chunks) => {
        const { session, peer, stream } = opens();
        stream.resume();
        for (const chunk of chunks) peer.write(chunk);
        peer.end();
        expect(await session.closed).toBeInstanceOf(TunnelError);
      }),
    );
  });
});
