// Odd but legal answers on their second hop: from the tunnel to a client over HTTP/1.1 and HTTP/2, compared with what a client reads
// that asks the server directly.
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { allowedHeaders } from "../lib/identity/answer-headers.ts";
import { Authority } from "../test/certificates.ts";
import { comparable, ODD_ANSWERS, type OddServer, type ReadAnswer, readHttp1, startOddServer } from "../test/odd-answers.ts";
import { type Front, startFront, TOKEN } from "../test/proxy/front.ts";

const authority = Authority.create("odd test");
const authorization = `Bearer ${TOKEN}`;
let server: OddServer;
let front: Front;
let session: ClientHttp2Session;

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "odd" }, ["server"], ["127.0.0.1"]);
  server = await startOddServer(authority.cert, serving);
  front = await startFront(authority.cert, serving, {
    // What an agent does, but without its list of headers: the proxy does not rely on it.
    east: async (stream) => {
      stream.resume();
      const { status, headers, body } = await server.direct(stream.request.path, stream.request.method);
      stream.sendHead({ status, headers });
      stream.end(Buffer.from(body, "latin1"));
    },
  });
  session = connectHttp2(`https://127.0.0.1:${front.port}`, { ca: authority.cert, maxHeaderListPairs: 1_000 });
});
afterAll(async () => {
  session?.destroy();
  await front?.close();
  await server?.close();
});

const overHttp1 = (path: string, method: string): Promise<ReadAnswer> =>
  readHttp1({ port: front.port, ca: authority.cert, path: `/clusters/east${path}`, method, headers: { authorization } });

const overHttp2 = (path: string, method: string): Promise<ReadAnswer> =>
  new Promise((resolve, reject) => {
    const stream = session.request({ ":path": `/clusters/east${path}`, ":method": method, authorization }, { endStream: true });
    let answer: { status: number; headers: string[] } | undefined;
    let body = "";
    stream.on("response", (head, _flags, raw) => {
      answer = { status: Number(head[":status"]), headers: raw as unknown as string[] };
    });
    stream.on("data", (piece: Buffer) => {
      body += piece.toString("latin1");
    });
    stream.on("error", reject);
    stream.on("close", () => resolve({ status: 0, headers: [], ...answer, body, complete: stream.rstCode === 0 }));
  });

/** Content-Length is framing: HTTP/2 needs none, and that of an answer without content is left out. */
const isAllowed = (name: string): boolean => name !== "content-length" && allowedHeaders([name, ""]).length > 0;
/** A server adds the time where none is said. */
const withoutTime = (answer: ReadAnswer, direct: ReadAnswer): object =>
  comparable(answer, (name) => isAllowed(name) && (name !== "date" || direct.headers.some((other) => other.toLowerCase() === "date")));

describe.each([
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const)("over %s", (_, ask) => {
  test.each(ODD_ANSWERS.map((answer, i) => [answer.name, answer, i] as const))(
    "%s: arrives as a client reads it from the server",
    async (_, odd, i) => {
      const method = odd.method ?? "GET";
      const [through, direct] = [await ask(`/${i}`, method), await server.direct(`/${i}`, method)];
      if (odd.refused) expect([through.status, JSON.parse(through.body).details.causes[0].reason]).toEqual([502, "AnswerRefused"]);
      else expect(withoutTime(through, direct)).toEqual(comparable(direct, isAllowed));
    },
  );
});
