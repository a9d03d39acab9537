// The other end of a tunnel, as small as it can be: what an agent does with a stream, without an agent's checks. Requests go to one
// real API server as the user they are made for; paths under /test/ are answered here, for what an API server does not do.
import { request } from "node:https";
import type { Socket } from "node:net";
import { connect } from "node:tls";
import { REPLICA_HEADER, UPGRADE_TOKEN } from "../../lib/tunnel/handshake.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";

export interface AcceptorOptions {
  readonly proxy: { readonly port: number; readonly ca: string };
  readonly cluster: string;
  /** Hub token of the cluster's agent account. */
  readonly token: string;
  /** The managed cluster's API server, with a certificate that may impersonate. */
  readonly managed: { readonly server: string; readonly ca: string; readonly cert: string; readonly key: string };
}

export interface Acceptor {
  readonly session: Session;
  readonly replica: string;
  /** The names of all replicas, as the proxy said them last. */
  readonly replicas: () => readonly string[];
  /** Heads of the streams that came, oldest first. */
  readonly seen: Stream["request"][];
}

/** Dials the proxy; rejects with the status line when it answers anything but 101. */
export async function dialTunnel({ proxy, cluster, token, managed }: AcceptorOptions): Promise<Acceptor> {
  const seen: Stream["request"][] = [];
  const { socket, head, behind } = await upgrade(proxy, `/agents/${cluster}/tunnel`, token);
  if (!head.startsWith("HTTP/1.1 101")) {
    socket.destroy();
    throw new Error(head.split("\r\n", 1)[0]);
  }
  const onStream = (stream: Stream): void => {
    seen.push(stream.request);
    if (stream.request.path.startsWith("/test/")) answerHere(stream);
    else forward(stream, managed);
  };
  let replicas: readonly string[] = [];
  const onReplicas = (names: readonly string[]): void => {
    replicas = names;
  };
  const session = new Session(socket, { role: "acceptor", onStream, onReplicas }, behind);
  return { session, seen, replicas: () => replicas, replica: new RegExp(`${REPLICA_HEADER}: (.*)\r\n`).exec(head)?.[1] ?? "" };
}

function upgrade(proxy: AcceptorOptions["proxy"], path: string, token: string): Promise<{ socket: Socket; head: string; behind: Buffer }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: proxy.port, ca: proxy.ca, ALPNProtocols: ["http/1.1"] });
    socket.on("error", reject);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: proxy\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_TOKEN}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    let got = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      got = Buffer.concat([got, chunk]);
      const end = got.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", read);
      socket.pause();
      resolve({ socket, head: got.subarray(0, end + 4).toString("latin1"), behind: got.subarray(end + 4) });
    };
    socket.on("data", read);
  });
}

/** /test/echo: an upgrade whose bytes come back; /test/headers: an answer with headers of a pod's; /test/silent: none at all. */
function answerHere(stream: Stream): void {
  const [path] = stream.request.path.split("?");
  if (path === "/test/echo") {
    stream.sendHead({ status: 101, headers: ["Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Accept", "x"] });
    stream.pipe(stream);
  } else if (path === "/test/headers") {
    stream.resume();
    stream.sendHead({
      status: 200,
      headers: ["Content-Type", "text/html", "Set-Cookie", "session=1", "Content-Security-Policy", "script-src *"],
    });
    stream.end("<script>");
  } else if (path === "/test/open") {
    stream.resume();
    stream.sendHead({ status: 200, headers: ["Content-Type", "text/plain"] });
    stream.write("begun\n");
  } else {
    stream.resume();
  }
}

function forward(stream: Stream, managed: AcceptorOptions["managed"]): void {
  const { method, path, headers, body, user, uid, groups, extra } = stream.request;
  const url = new URL(managed.server);
  const kept: string[] = ["Host", url.host];
  kept.push(...headers);
  if (body === "chunked") kept.push("Transfer-Encoding", "chunked");
  else if (body !== "none") kept.push("Content-Length", String(body));
  kept.push("Impersonate-User", user, "Impersonate-Uid", uid, ...groups.flatMap((group) => ["Impersonate-Group", group]));
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) kept.push(`Impersonate-Extra-${encodeURIComponent(key)}`, value);
  }
  const { ca, cert, key } = managed;
  const req = request({ host: url.hostname, port: url.port, method, path, headers: kept, ca, cert, key, agent: false }, (res) => {
    stream.sendHead({ status: res.statusCode ?? 502, headers: res.rawHeaders });
    res.pipe(stream);
  });
  req.on("error", () => stream.destroy());
  stream.on("close", () => req.destroy());
  // An upgrade has no body; its stream goes on after the answer.
  if (headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === "upgrade")) req.end();
  else stream.pipe(req);
}
