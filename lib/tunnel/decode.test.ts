import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Decoder, type FrameSink } from "./decode.ts";
import { dataFrame, encodeFrames, endFrame, goawayFrame, headFrame, openFrame, pingFrame, resetFrame, windowFrame } from "./encode.ts";
import { TunnelError } from "./errors.ts";
import { ACK, type Frame, MAX_STREAM_ID } from "./frame.ts";

const MAX_HEAD = 4096;

/** The frames that a sink received; neighbouring DATA pieces of one stream are joined, because their borders mean nothing. */
function recorder() {
  const heard: unknown[][] = [];
  const sink: FrameSink = {
    open: (id, payload) => heard.push(["open", id, payload.toString()]),
    head: (id, payload) => heard.push(["head", id, payload.toString()]),
    data: (id, piece) => {
      const last = heard.at(-1);
      if (last?.[0] === "data" && last[1] === id) last[2] = `${last[2]}${piece.toString("hex")}`;
      else heard.push(["data", id, piece.toString("hex")]);
    },
    end: (id) => heard.push(["end", id]),
    reset: (id, code, message) => heard.push(["reset", id, code, message]),
    window: (id, increment) => heard.push(["window", id, increment]),
    ping: (payload, ack) => heard.push(["ping", payload.toString("hex"), ack]),
    goaway: (lastId, code, message) => heard.push(["goaway", lastId, code, message]),
    replicas: (payload) => heard.push(["replicas", payload.toString()]),
  };
  return { heard, decoder: new Decoder(sink, { maxHeadBytes: MAX_HEAD }) };
}

const id = fc.integer({ min: 1, max: MAX_STREAM_ID });
const number = fc.nat(0xffffffff);
const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const frames: fc.Arbitrary<Frame[]> = fc.array(
  fc.oneof(
    fc
      .tuple(
        id,
        fc.array(fc.constantFrom("a", "é", "€", "😀", "\0"), { minLength: 2, maxLength: 40 }).map((parts) => parts.join("")),
      )
      .map(([id, text]) => openFrame(id, text)),
    fc.tuple(id, fc.string({ minLength: 2, maxLength: 40 })).map(([id, text]) => headFrame(id, text)),
    fc.tuple(id, bytes(1, 6000)).map(([id, piece]) => dataFrame(id, piece)),
    id.map(endFrame),
    fc.tuple(id, number, fc.string({ maxLength: 20 })).map(([id, code, message]) => resetFrame(id, code, message)),
    fc.tuple(id, number).map(([id, increment]) => windowFrame(id, increment)),
    fc.tuple(bytes(8, 8), fc.constantFrom(0, ACK)).map(([payload, flags]) => pingFrame(payload, flags)),
    fc.tuple(number, number, fc.string({ maxLength: 20 })).map(([lastId, code, message]) => goawayFrame(lastId, code, message)),
  ),
  { maxLength: 8 },
);

function decode(chunks: readonly Buffer[]): unknown[][] {
  const { heard, decoder } = recorder();
  for (const chunk of chunks) decoder.push(chunk);
  return heard;
}

const header = (length: number, type: number, flags: number, stream: number): Buffer => {
  const buffer = Buffer.alloc(9);
  buffer.writeUIntBE(length, 0, 3);
  buffer[3] = type;
  buffer[4] = flags;
  buffer.writeUInt32BE(stream, 5);
  return buffer;
};

describe("the decoder", () => {
  test("yields the same frames wherever the bytes are split", () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(9000), { maxLength: 12 }), (sent, cuts) => {
        const all = Buffer.concat(encodeFrames(sent));
        const borders = [...new Set([0, ...cuts.filter((cut) => cut < all.length), all.length])].sort((a, b) => a - b);
        const chunks = borders.slice(1).map((border, i) => all.subarray(borders[i], border));
        expect(decode(chunks)).toEqual(decode([all]));
      }),
      { numRuns: 300 },
    );
  });

  test("yields the same frames at every single split and byte by byte", () => {
    const sent = [
      openFrame(1, '{"method":"GET"}'),
      headFrame(1, '{"ü":"€"}'),
      dataFrame(1, Buffer.from("hello")),
      endFrame(1),
      resetFrame(2, 7, "why"),
      windowFrame(3, 65536),
      pingFrame(Buffer.from("12345678"), ACK),
      goawayFrame(3, 0, "bye"),
    ];
    const all = Buffer.concat(encodeFrames(sent));
    const whole = decode([all]);
    expect(whole.map(([name]) => name)).toEqual(["open", "head", "data", "end", "reset", "window", "ping", "goaway"]);
    for (let at = 0; at <= all.length; at++) expect(decode([all.subarray(0, at), all.subarray(at)])).toEqual(whole);
    expect(decode(Array.from(all, (_, i) => all.subarray(i, i + 1)))).toEqual(whole);
  });

  test("yields what was encoded", () => {
    const sent = [openFrame(5, "{}"), dataFrame(5, Buffer.alloc(5000, 7)), resetFrame(5, 9, "grüße"), goawayFrame(5, 3, "x")];
    expect(decode(encodeFrames(sent))).toEqual([
      ["open", 5, "{}"],
      ["data", 5, "07".repeat(5000)],
      ["reset", 5, 9, "grüße"],
      ["goaway", 5, 3, "x"],
    ]);
  });

  test("cuts a message that is too long between two characters", () => {
    const [[, , , message]] = decode(encodeFrames([resetFrame(1, 1, `a${"é".repeat(600)}`)])) as [[string, number, number, string]];
    expect(Buffer.byteLength(message)).toBe(1023);
    expect(message).toBe(`a${"é".repeat(511)}`);
  });

  test.each([
    ["an OPEN longer than a head may be", header(MAX_HEAD + 1, 1, 0, 1)],
    ["a HEAD longer than a head may be", header(0xffffff, 2, 0, 1)],
    ["an empty DATA", header(0, 3, 0, 1)],
    ["an END with a payload", header(1, 4, 0, 1)],
    ["a RESET without a code", header(3, 5, 0, 1)],
    ["a RESET with a book", header(4 + 1025, 5, 0, 1)],
    ["a WINDOW of another size", header(5, 6, 0, 1)],
    ["a PING of another size", header(7, 7, 0, 0)],
    ["a PING on a stream", header(8, 7, 0, 1)],
    ["a GOAWAY without its numbers", header(7, 8, 0, 0)],
    ["DATA on the connection itself", header(1, 3, 0, 0)],
    ["a stream id of 32 bits", header(1, 3, 0, 0x80000000)],
    ["flags that nobody knows", header(1, 3, 1, 1)],
    ["type 0", header(0, 0, 0, 0)],
    ["type 9", header(0, 9, 0, 1)],
  ])("refuses %s by its header alone", (_, bytes) => {
    const { heard, decoder } = recorder();
    expect(() => decoder.push(bytes)).toThrow(TunnelError);
    expect(heard).toEqual([]);
  });

  test("throws nothing but TunnelError for any bytes", () => {
    fc.assert(
      fc.property(fc.array(bytes(0, 60), { maxLength: 10 }), (chunks) => {
        try {
          decode(chunks.map((chunk) => Buffer.from(chunk)));
        } catch (error) {
          expect(error).toBeInstanceOf(TunnelError);
        }
      }),
    );
  });

  test("passes DATA on as it arrives, without waiting for the end of the frame", () => {
    const { heard, decoder } = recorder();
    decoder.push(header(0xffffff, 3, 0, 1));
    decoder.push(Buffer.from("ab"));
    expect(heard).toEqual([["data", 1, "6162"]]);
  });

  test("does not grow the call stack with the number of frames in a chunk", () => {
    const { heard, decoder } = recorder();
    decoder.push(Buffer.concat(encodeFrames(Array.from({ length: 50_000 }, () => windowFrame(1, 1)))));
    expect(heard.length).toBe(50_000);
  });
});

describe("the encoder", () => {
  test("puts small frames into one buffer and passes long payloads on without copying", () => {
    const long = Buffer.alloc(10_000);
    const buffers = encodeFrames([windowFrame(1, 1), dataFrame(1, Buffer.alloc(100)), dataFrame(1, long), endFrame(1), endFrame(3)]);
    expect(buffers.map((buffer) => buffer.length)).toEqual([13 + 109 + 9, 10_000, 18]);
    expect(buffers[1]).toBe(long);
  });
});
