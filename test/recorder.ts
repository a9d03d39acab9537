// A TLS server that writes down what reaches it, byte for byte, connection by connection, and reads it with a parser of its own: the
// second opinion about how many requests it was. It is no API server: it answers every request with 200.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { Authority } from "./certificates.ts";

export interface Heard {
  readonly method: string;
  readonly target: string;
  /** In lower case; repeats in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export class Recorder {
  readonly ca: string;
  readonly server: string;
  /** What each connection brought, oldest first. */
  connections: Connection[] = [];
  /** Answers as soon as a head is there, before the body. */
  hasty = false;
  readonly #server: Server;

  private constructor(server: Server, ca: string) {
    this.#server = server;
    this.ca = ca;
    this.server = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("secureConnection", (socket: TLSSocket) => this.connections.push(new Connection(socket, () => this.hasty)));
  }

  static async start(): Promise<Recorder> {
    const authority = Authority.create("recorder");
    const { cert, key } = authority.certificate({ commonName: "recorder" }, ["server"], ["127.0.0.1"]);
    const server = createServer({ cert, key, ALPNProtocols: ["http/1.1"] });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Recorder(server, authority.cert);
  }

  get heard(): Heard[] {
    return this.connections.flatMap(({ heard }) => heard);
  }

  /** What was heard so far; connections that are open stay. */
  forget(): void {
    this.connections = this.connections.filter(({ socket }) => !socket.destroyed);
    for (const connection of this.connections) connection.heard = [];
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
  }
}

export class Connection {
  readonly socket: TLSSocket;
  heard: Heard[] = [];
  /** What is not a request, or not yet a whole one. */
  rest: Buffer = Buffer.alloc(0);
  broken = false;

  readonly #hasty: () => boolean;
  #answered = false;

  constructor(socket: TLSSocket, hasty: () => boolean) {
    this.socket = socket;
    this.#hasty = hasty;
    socket.on("error", () => {});
    socket.on("data", (piece: Buffer) => {
      this.rest = Buffer.concat([this.rest, piece]);
      if (this.#hasty() && !this.#answered && this.rest.includes("\r\n\r\n")) this.#answer("early");
      this.#read();
    });
  }

  #read(): void {
    for (let request = this.#next(); request !== undefined; request = this.#next()) {
      this.heard.push(request);
      if (!this.#answered) this.#answer(request.method === "HEAD" ? "" : "ok");
      this.#answered = false;
    }
  }

  #answer(body: string): void {
    this.#answered = true;
    this.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }

  /** By RFC 9112 alone: a line, header lines, and a body as long as they say; without a word about it, none. */
  #next(): Heard | undefined {
    const end = this.rest.indexOf("\r\n\r\n");
    if (end < 0 || this.broken) return undefined;
    const [line = "", ...lines] = this.rest.subarray(0, end).toString("latin1").split("\r\n");
    const [method = "", target = "", version] = line.split(" ");
    const headers = lines.map((text) => {
      const colon = text.indexOf(":");
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()] as const;
    });
    const of = (name: string): string[] => headers.filter(([found]) => found === name).map(([, value]) => value);
    const [lengths, codings] = [of("content-length"), of("transfer-encoding")];
    if (version !== "HTTP/1.1" || lengths.length + codings.length > 1) {
      this.broken = true;
      return undefined;
    }
    const behind = this.rest.subarray(end + 4);
    const body =
      codings.length > 0 ? chunks(behind) : { text: behind.subarray(0, Number(lengths[0] ?? 0)), bytes: Number(lengths[0] ?? 0) };
    if (body === undefined || behind.length < body.bytes) return undefined;
    this.rest = behind.subarray(body.bytes);
    return { method, target, headers, body: body.text.toString("latin1") };
  }
}

function chunks(bytes: Buffer): { readonly text: Buffer; readonly bytes: number } | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    at = line + 2;
    if (bytes.length < at + size + 2) return undefined;
    pieces.push(bytes.subarray(at, at + size));
    at += size + 2;
    if (size === 0) return { text: Buffer.concat(pieces), bytes: at };
  }
}
