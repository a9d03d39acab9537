// Answers that are odd but legal HTTP, or that servers are known to give, byte for byte; and a server that gives them. What each hop
// makes of them is compared with what a client reads that asks the server directly.
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { KeyPair } from "../controlplane/pki.ts";

export interface OddAnswer {
  readonly name: string;
  readonly method?: "GET" | "HEAD";
  /** Latin-1. */
  readonly bytes: string;
  /** The server ends the connection after it. */
  readonly close?: true;
  /** HTTP does not have it: the proxy refuses it. */
  readonly refused?: true;
}

const head = (status: string, ...headers: string[]): string => `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`;
const ok = (...headers: string[]): string => `${head("200 OK", "Content-Length: 4", ...headers)}body`;
const highLatin1 = String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 128 + i));

export const ODD_ANSWERS: readonly OddAnswer[] = [
  { name: "an ordinary one", bytes: ok("Content-Type: text/plain") },
  ...["ETag", "Expires", "Last-Modified", "Content-Type", "Retry-After", "Age", "Date", "Content-Language"].map((name) => ({
    name: `two headers ${name}, where HTTP allows one`,
    bytes: ok(`${name}: a`, `${name}: b`),
  })),
  { name: "many headers of one name", bytes: ok(...Array.from({ length: 200 }, (_, i) => `Warning: 299 - "${i}"`)) },
  { name: "names in odd case", bytes: ok("wArNiNg: 299 - a", "CACHE-CONTROL: no-cache", "etag: x") },
  { name: "an empty value", bytes: ok("Cache-Control:", "Vary: ") },
  { name: "space around a value", bytes: ok("Vary: \t Accept \t ", "ETag:x") },
  { name: "Latin-1 in a value", bytes: ok(`Warning: 299 - "${highLatin1}"`) },
  { name: "a long value", bytes: ok(`Warning: 299 - "${"w".repeat(40_000)}"`) },
  { name: "a length with zeros before it", bytes: `${head("200 OK", "Content-Length: 0004")}body` },
  { name: "no reason phrase", bytes: `${head("200 ", "Content-Length: 4")}body` },
  { name: "a reason phrase of its own", bytes: `${head("200 Quite \xe9 Fine", "Content-Length: 4")}body` },
  ...["203", "207", "226", "299", "400", "407", "417", "418", "421", "426", "429", "451", "499", "500", "511", "529", "599"].map(
    (status) => ({
      name: `status ${status}`,
      bytes: `${head(`${status} Odd`, "Content-Length: 4")}body`,
    }),
  ),
  ...["600", "999"].map((status) => ({
    name: `status ${status}`,
    bytes: `${head(`${status} Odd`, "Content-Length: 4")}body`,
    refused: true as const,
  })),
  { name: "an empty body with a length", bytes: head("200 OK", "Content-Length: 0") },
  { name: "no content", bytes: head("204 No Content", "ETag: a") },
  { name: "no content with a length", bytes: head("204 No Content", "Content-Length: 0") },
  { name: "reset content", bytes: head("205 Reset Content", "Content-Length: 0") },
  { name: "not modified, with the length of what was not sent", bytes: head("304 Not Modified", "ETag: a", "Content-Length: 4") },
  { name: "the head of a body that was not asked for", method: "HEAD", bytes: head("200 OK", "Content-Length: 4", "ETag: a") },
  { name: "the head of a chunked body that was not asked for", method: "HEAD", bytes: head("200 OK", "Transfer-Encoding: chunked") },
  { name: "a failure in answer to HEAD", method: "HEAD", bytes: head("404 Not Found", "Content-Length: 4") },
  { name: "chunks", bytes: `${head("200 OK", "Transfer-Encoding: chunked")}2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n` },
  {
    name: "chunks with extensions, in capitals",
    bytes: `${head("200 OK", "Transfer-Encoding: Chunked")}0004;a=b;c\r\nbody\r\n0;d\r\n\r\n`,
  },
  {
    name: "chunks with a trailer",
    bytes: `${head("200 OK", "Trailer: X-T", "Transfer-Encoding: chunked")}4\r\nbody\r\n0\r\nX-T: a\r\n\r\n`,
  },
  { name: "no chunk at all", bytes: `${head("200 OK", "Transfer-Encoding: chunked")}0\r\n\r\n` },
  { name: "a body that ends with the connection", bytes: `${head("200 OK", "Connection: close")}body`, close: true },
  { name: "HTTP/1.0", bytes: "HTTP/1.0 200 OK\r\nETag: a\r\n\r\nbody", close: true },
  { name: "HTTP/1.0 with a length", bytes: "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", close: true },
  { name: "behind 100 Continue", bytes: `HTTP/1.1 100 Continue\r\n\r\n${ok("ETag: a")}` },
  { name: "behind early hints", bytes: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok("ETag: a")}` },
  {
    name: "compressed",
    bytes: `${head("200 OK", "Content-Encoding: gzip", "Vary: Accept-Encoding", "Content-Length: 4")}\x1f\x8b\x08\x00`,
  },
  {
    name: "a part of something",
    bytes: `${head("206 Partial Content", "Content-Range: bytes 0-3/9", "Accept-Ranges: bytes", "Content-Length: 4")}body`,
  },
];

export interface ReadAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Latin-1. */
  readonly body: string;
  /** Whether it ended as its framing says. */
  readonly complete: boolean;
}

export interface OddServer {
  readonly port: number;
  /** What a client reads that asks the server itself. */
  direct(path: string, method: string): Promise<ReadAnswer>;
  close(): Promise<void>;
}

/** At `/<n>` it gives the n-th of ODD_ANSWERS. `ca` signed `serving`, which is for 127.0.0.1. */
export async function startOddServer(ca: string, serving: KeyPair): Promise<OddServer> {
  const sockets = new Set<TLSSocket>();
  const server = createServer(serving, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    let asked = "";
    socket.on("data", (chunk: Buffer) => {
      asked += chunk.toString("latin1");
      for (let end = asked.indexOf("\r\n\r\n"); end >= 0; end = asked.indexOf("\r\n\r\n")) {
        const answer = ODD_ANSWERS[Number(/^[A-Z]+ \/(\d+) /.exec(asked)?.[1])];
        asked = asked.slice(end + 4);
        if (answer === undefined) return void socket.destroy();
        const bytes = Buffer.from(answer.bytes, "latin1");
        if (answer.close) socket.end(bytes);
        else socket.write(bytes);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    direct: (path, method) => readHttp1({ port, ca, path, method }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** One answer over HTTP/1.1 from loopback, on a connection of its own. */
export function readHttp1(asked: {
  port: number;
  ca: string;
  path: string;
  method: string;
  headers?: Record<string, string>;
}): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    const req = request({ host: "127.0.0.1", agent: false, maxHeaderSize: 128 * 1024, ...asked }, (res) => {
      let body = "";
      res.on("data", (piece: Buffer) => {
        body += piece.toString("latin1");
      });
      res.on("error", () => {});
      res.on("close", () => resolve({ status: res.statusCode ?? 0, headers: res.rawHeaders, body, complete: res.complete }));
    });
    req.on("error", reject);
    req.end();
  });
}

/** The headers that speak about the answer, in lower case and sorted by name: their order among others says nothing. */
export function comparable(answer: ReadAnswer, isAllowed: (name: string) => boolean): object {
  const pairs: string[] = [];
  for (let i = 0; i + 1 < answer.headers.length; i += 2) {
    const name = (answer.headers[i] ?? "").toLowerCase();
    if (isAllowed(name)) pairs.push(`${name}: ${(answer.headers[i + 1] ?? "").trim()}`);
  }
  const { status, body, complete } = answer;
  return { status, headers: pairs.sort(), body, complete };
}
