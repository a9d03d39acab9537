// One tunnel to one proxy: an HTTP/1.1 Upgrade on TLS that is always verified.
import type { Duplex } from "node:stream";
import { httpsRequest } from "../../lib/outbound/connect.ts";
import type { Authorities } from "../../lib/outbound/trust.ts";
import { REPLICA_HEADER, TUNNEL_VERSION, UPGRADE_TOKEN, VERSION_HEADER } from "../../lib/tunnel/handshake.ts";

export interface Dialled {
  readonly socket: Duplex;
  /** Bytes that came with the handshake. */
  readonly head: Buffer;
  readonly replica: string;
}

/** The proxy answered, and not with a tunnel. */
export class DialRefused extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface DialOptions {
  readonly proxyURL: string;
  readonly ca: Authorities | undefined;
  readonly cluster: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 15_000;
const MAX_REFUSAL_BYTES = 4 * 1024;

export function dial({ proxyURL, ca, cluster, token, signal }: DialOptions): Promise<Dialled> {
  const url = `${proxyURL.replace(/\/+$/, "")}/agents/${cluster}/tunnel`;
  return new Promise((resolve, reject) => {
    const headers = { connection: "Upgrade", upgrade: UPGRADE_TOKEN, authorization: `Bearer ${token}` };
    const req = httpsRequest(url, { ca }, { headers, signal });
    const timer = setTimeout(() => req.destroy(new Error(`GET ${url}: no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    req.once("close", () => clearTimeout(timer));
    req.on("error", (error) => {
      // Without a connection there is no event "close".
      clearTimeout(timer);
      reject(error);
    });
    req.on("upgrade", (res, socket, head) => {
      clearTimeout(timer);
      const replica = header(res.headers, REPLICA_HEADER);
      const version = header(res.headers, VERSION_HEADER);
      if (replica === undefined || version !== TUNNEL_VERSION) {
        socket.destroy();
        reject(new Error(`GET ${url}: a handshake without replica, or of a version other than ${TUNNEL_VERSION}`));
        return;
      }
      socket.setNoDelay(true);
      socket.setTimeout(0);
      resolve({ socket, head, replica });
    });
    req.on("response", (res) => {
      let text = "";
      res.on("error", () => {});
      res.on("data", (piece: Buffer) => {
        if (text.length < MAX_REFUSAL_BYTES) text += piece.toString("utf8");
      });
      // Also when the connection ended in the middle of it.
      res.on("close", () => reject(new DialRefused(res.statusCode ?? 0, `GET ${url}: ${res.statusCode} ${text.slice(0, 500)}`)));
    });
    req.end();
  });
}

const header = (headers: NodeJS.Dict<string | string[]>, name: string): string | undefined => {
  const value = headers[name.toLowerCase()];
  return typeof value === "string" && value !== "" ? value : undefined;
};
