// Connections to servers of https: directly, or through an outbound proxy by CONNECT. TLS is end to end: the proxy sees names and bytes.
import { type ClientRequest, request as plainRequest, type RequestOptions } from "node:http";
import { request as secureRequest } from "node:https";
import { connect as connectTCP, isIP, type Socket } from "node:net";
import { connect as connectTLS, createSecureContext, getCACertificates, type TLSSocket } from "node:tls";
import { parseProxy, proxyFor } from "./proxy-rule.ts";
import { type Trust, tlsOptions } from "./trust.ts";

/** How to reach a server: whom to trust, and which way to go. */
export interface Route extends Trust {
  /** The proxy to go through, whatever the environment says. Absent: what HTTPS_PROXY and NO_PROXY say. */
  readonly proxyURL?: string | undefined;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;

/** The proxy on the way to the server; undefined: none. Throws an Error that names the variable, or the field, which is no proxy's URL. */
export const outboundProxy = (server: URL, { proxyURL }: Route): URL | undefined =>
  proxyURL === undefined ? proxyFor(server, process.env) : parseProxy(proxyURL, "proxy-url");

/** A TCP connection that ends at the server: its own, or one through the proxy. Rejects after 10 s. */
export async function openTCP(server: URL, proxy: URL | undefined, signal?: AbortSignal): Promise<Socket> {
  const limit = withTimeout(signal);
  const socket = proxy === undefined ? await directly(server, limit) : await throughProxy(server, proxy, limit);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/** A verified TLS connection to the server, speaking HTTP/1.1. Rejects after 10 s to the server, and as many to agree on TLS. */
export async function openTLS(server: URL, route: Route, signal?: AbortSignal): Promise<TLSSocket> {
  const options = tlsOptions(route);
  // Made first: what cannot be used throws before there is a connection to be left open.
  const secureContext = createSecureContext(options);
  const host = hostOf(server);
  const socket = await openTCP(server, outboundProxy(server, route), signal);
  const name = isIP(host) === 0 ? { servername: host } : {};
  const tls = connectTLS({ socket, host, ...name, ALPNProtocols: ["http/1.1"], ...options, secureContext });
  await eventOf(tls, "secureConnect", withTimeout(signal));
  return tls;
}

/** As `request` of node:https, on a connection of its own that goes the way. `timeout`: of silence once the connection is there. */
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
  // As an option node leaves it to the socket's maker, and no event would ever come.
  return timeout === undefined ? req : req.setTimeout(timeout);
}

async function directly(server: URL, signal: AbortSignal): Promise<Socket> {
  const socket = connectTCP({ host: hostOf(server), port: Number(server.port || 443) });
  await eventOf(socket, "connect", signal);
  return socket;
}

/** The proxy's own TLS, when it has some, is verified against the system's authorities. */
function throughProxy(server: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${server.hostname}:${server.port || 443}`;
  const name = `the proxy ${proxy.host}`;
  return new Promise((resolve, reject) => {
    const req = connectRequest(proxy, target);
    // Not the request's own `signal`: that would end the connection, too, when it aborts later.
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

/** Resolves with the event; rejects with the socket's error. When the signal aborts first the socket is destroyed. */
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
