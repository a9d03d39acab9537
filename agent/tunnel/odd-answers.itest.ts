// Odd but legal answers on their first hop: from a server through the agent into the tunnel, compared with what a client reads directly.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { allowedHeaders } from "../../lib/identity/answer-headers.ts";
import { Session } from "../../lib/tunnel/session.ts";
import { Authority } from "../../test/certificates.ts";
import { comparable, ODD_ANSWERS, type OddServer, type ReadAnswer, startOddServer } from "../../test/odd-answers.ts";
import { Forwarder } from "./forward.ts";

const authority = Authority.create("odd test");
let server: OddServer;
let forwarder: Forwarder;
let proxy: Session;
let sockets: Socket[] = [];

beforeAll(async () => {
  server = await startOddServer(authority.cert, authority.certificate({ commonName: "odd" }, ["server"], ["127.0.0.1"]));
  forwarder = new Forwarder({
    server: `https://127.0.0.1:${server.port}`,
    ca: authority.cert,
    token: () => "token",
    knowsGroup: () => true,
    onBegin: () => () => {},
  });
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const near = connect((listener.address() as { port: number }).port, "127.0.0.1");
  const [far] = (await once(listener, "connection")) as [Socket];
  listener.close();
  sockets = [near, far];
  proxy = new Session(near, { role: "opener" });
  new Session(far, { role: "acceptor", onStream: (stream) => forwarder.handle(stream) });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  forwarder?.close();
  await server?.close();
});

async function ask(path: string, method: string): Promise<ReadAnswer> {
  const stream = proxy.open({ method, path, headers: [], body: "none", user: "drover:user:alice", uid: "", groups: [], extra: {} });
  stream.end();
  const { status, headers } = await stream.head;
  let body = "";
  stream.on("data", (piece: Buffer) => {
    body += piece.toString("latin1");
  });
  await once(stream, "close");
  return { status, headers, body, complete: stream.readableEnded };
}

const isAllowed = (name: string): boolean => allowedHeaders([name, ""]).length > 0;

test.each(ODD_ANSWERS.map((answer, i) => [answer.name, answer.method ?? "GET", i] as const))(
  "%s: reaches the tunnel as a client reads it from the server",
  async (_, method, i) => {
    expect(comparable(await ask(`/${i}`, method), isAllowed)).toEqual(comparable(await server.direct(`/${i}`, method), isAllowed));
  },
);
