// Connections to HTTPS servers: direct, or through an outbound proxy with CONNECT. TLS is end to end: the proxy sees host names and encrypted bytes.
import { type ClientRequest, request as plainRequest, type RequestOptions } from "node:http";
import { request as secureRequest } from "node:https";
import { connect as connectTCP, isIP, type Socket } from "node:net";
import { connect as connectTLS, createSecureContext, getCACertificates, type TLSSocket } from "node:tls";
import { parseProxy, proxyFor } from "./proxy-rule.ts";
import { type Trust, tlsOptions } from "./trust.ts";

/** How to reach a server: what to trust, and whether to use an outbound proxy. */
export interface Route extends Trust {
  /** The outbound proxy to use, whatever the environment says. Absent: as HTTPS_PROXY and NO_PROXY say. */
  readonly proxyURL?: string | undefined;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;

/** The outbound proxy for the server; undefined: none. Throws an Error that names the variable or field when its value is not the URL of a proxy. */
export const outboundProxy = (server: URL, { proxyURL }: Route): URL | undefined =>
  proxyURL === undefined ? proxyFor(server, process.env) : parseProxy(proxyURL, "proxy-url");

/** A TCP connection to the server, direct or through the proxy. Rejects after 10 s. */
export async function openTCP(server: URL, proxy: URL | undefined, signal?: AbortSignal): Promise<Socket> {
  const limit = withTimeout(signal);
  const socket = proxy === undefined ? await directly(server, limit) : await throughProxy(server, proxy, limit);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/** A verified TLS connection to the server for HTTP/1.1. Rejects after 10 s for TCP, and another 10 s for the TLS handshake. */
export async function openTLS(server: URL, route: Route, signal?: AbortSignal): Promise<TLSSocket> {
  const options = tlsOptions(route);
  // Created first: unusable material throws before a connection exists that would stay open.
  const secureContext = createSecureContext(options);
  const host = hostOf(server);
  const socket = await openTCP(server, outboundProxy(server, route), signal);
  const name = isIP(host) === 0 ? { servername: host } : {};
  const tls = connectTLS({ socket, host, ...name, ALPNProtocols: ["http/1.1"], ...options, secureContext });
  await eventOf(tls, "secureConnect", withTimeout(signal));
  return tls;
}

/** As `request` of node:https, on a separate connection along the route. `timeout`: milliseconds of silence once it is connected. */
export function httpsRequest(url: string, route: Route, options: RequestOptions): ClientRequest {
  const server = new URL(url);
  if (server.protocol !== "https:") throw new Error(`${server.protocol}//${server.host} is not reached over https`);
  const { timeout, ...others } = options;
  const req = plainRequest({
    ...others,
    host: server.hostname,
    port: server.port || 443,
    defaultPort: 443,
    path: options.path ?? `${server.pathname}${server.search}`,
    createConnection: (_, done) => {
      openTLS(server, route, options.signal ?? undefined).then(
        (socket) => done(null, socket),
        (error) => done(error, undefined as never),
      );
      return undefined;
    },
  });
  // With `createConnection` node ignores the option `timeout`, so it is set here.
  return timeout === undefined ? req : req.setTimeout(timeout);
}

async function directly(server: URL, signal: AbortSignal): Promise<Socket> {
  const socket = connectTCP({ host: hostOf(server), port: Number(server.port || 443) });
  await eventOf(socket, "connect", signal);
  return socket;
}

/** TLS to the proxy itself, if its URL is https, is verified against the authorities of the system. */
function throughProxy(server: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${server.hostname}:${server.port || 443}`;
  const name = `the proxy ${proxy.host}`;
  return new Promise((resolve, reject) => {
    const req = connectRequest(proxy, target);
    // The option `signal` of the request would also end the established connection when it aborts later.
    const end = (): void => void req.destroy(reasonOf(signal));
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    req.once("close", () => signal.removeEventListener("abort", end));
    req.once("connect", (res, socket, head) => {
      signal.removeEventListener("abort", end);
      if (res.statusCode === 200 && head.length === 0) return resolve(socket as Socket);
      socket.destroy();
      const advice = res.statusCode === 407 ? "; its URL must have a user and a password that it accepts" : "";
      reject(new Error(`${name} answered CONNECT ${target} with ${res.statusCode} ${res.statusMessage ?? ""}${advice}`));
    });
    req.on("error", (error) => reject(new Error(`${name} cannot be used: ${error.message}`, { cause: error })));
    req.end();
  });
}

function connectRequest(proxy: URL, target: string): ClientRequest {
  const secure = proxy.protocol === "https:";
  return (secure ? secureRequest : plainRequest)({
    ...(secure ? { ...tlsOptions({}), ca: getCACertificates("default") } : {}),
    host: hostOf(proxy),
    port: proxy.port || (secure ? 443 : 80),
    method: "CONNECT",
    path: target,
    headers: { host: target, ...credentialsOf(proxy) },
    agent: false,
  });
}

function credentialsOf({ username, password }: URL): { "proxy-authorization"?: string } {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair, "utf8").toString("base64")}` };
}

const withTimeout = (signal: AbortSignal | undefined): AbortSignal =>
  AbortSignal.any([AbortSignal.timeout(CONNECT_MS), ...(signal === undefined ? [] : [signal])]);

/** Resolves at the event, and rejects with the socket's error. If the signal aborts first, the socket is destroyed. */
function eventOf(socket: Socket, event: "connect" | "secureConnect", signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => void socket.destroy(reasonOf(signal));
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    const settle = (then: () => void): void => {
      signal.removeEventListener("abort", end);
      socket.off("error", failed);
      socket.off(event, happened);
      then();
    };
    const failed = (error: Error): void => settle(() => reject(error));
    const happened = (): void => settle(resolve);
    socket.on("error", failed);
    socket.on(event, happened);
  });
}

function reasonOf({ reason }: AbortSignal): Error {
  if ((reason as { name?: unknown } | undefined)?.name === "TimeoutError")
    return Object.assign(new Error(`no connection within ${CONNECT_MS / 1000} s`), { code: "ETIMEDOUT" });
  return reason instanceof Error ? reason : new Error(String(reason));
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1");
