// The HTTPS server of auth: bounds first, then routes. Whatever goes wrong is answered as a Kubernetes Status, without a word of what was sent.
import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Server } from "node:https";
import type { Socket } from "node:net";
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { isTransient } from "../lib/kube/client.ts";
import { describe } from "../lib/kube/log.ts";
import { isListed } from "../lib/limits/addresses.ts";
import { boundConnections } from "../lib/limits/connections.ts";
import type { Context } from "./context.ts";
import { Refusal } from "./refusal.ts";
import { addRoutes } from "./routes.ts";

const BODY_BYTES = 16 * 1024;
const HEADER_BYTES = 8 * 1024;
/** For the handshake, for the head and for the whole request; whoever is slower is cut off. */
const PATIENCE_MS = 10_000;
/** For reading the answer to what was not HTTP. */
const GOODBYE_MS = 1000;

export interface ServerOptions {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Open connections of one source, and of all. */
  readonly connectionsPerSource: number;
  readonly connections: number;
  /** How long somebody may take over a handshake, a head or a body. */
  readonly patienceMs?: number;
}

interface Log {
  error(message: string, fields: object): unknown;
}

export type AuthServer = FastifyInstance<Server>;

/** Not listening yet. */
export function createServer(context: Context, options: ServerOptions, log: Log): AuthServer {
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const server: AuthServer = Fastify({
    https: {
      cert: options.cert,
      key: options.key,
      minVersion: "TLSv1.2",
      handshakeTimeout: patienceMs,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      connectionsCheckingInterval: Math.min(1000, patienceMs),
      keepAliveTimeout: patienceMs,
      maxHeaderSize: HEADER_BYTES,
    },
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    // Of silence after the handshake, which no other limit covers; long enough for a login that waits in line.
    connectionTimeout: 2 * patienceMs,
    bodyLimit: BODY_BYTES,
    genReqId: () => randomUUID(),
    // A client may not choose the id under which it appears in the audit record.
    requestIdHeader: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // What a schema does not name is refused, not dropped; and a number is not made of a text.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
    clientErrorHandler: refuseMalformed,
  });
  boundConnections(server.server, {
    ...{ perSource: options.connectionsPerSource, all: options.connections },
    standsForMany: (address) => isListed(address, context.balancers),
  });
  server.removeContentTypeParser("text/plain");
  server.addHook("onSend", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  server.setNotFoundHandler((_request, reply) => answer(reply, new Refusal("NotFound", "there is nothing at this path")));
  server.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const refusal = asRefusal(error);
    // `describe` of an error of our own client names method, path and the server's message: no header, no body.
    if (refusal.status >= 500 && !(error instanceof Refusal))
      log.error("request failed", { requestId: request.id, error: describe(error) });
    return answer(reply, refusal);
  });
  addRoutes(server, context);
  return server;
}

const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "strict-transport-security": "max-age=31536000",
};

/** Messages of fastify and of the JSON parser may quote what was sent; only those of schema checks are known not to. */
function asRefusal(error: FastifyError | Error): Refusal {
  if (error instanceof Refusal) return error;
  const { statusCode, validation } = error as FastifyError;
  if (validation !== undefined) return new Refusal("BadRequest", schemaMessage(validation[0]));
  if (statusCode === 413) return new Refusal("BodyTooLarge", `the body is larger than ${BODY_BYTES} bytes`);
  if (statusCode === 415) return new Refusal("NotJSON", "send the body as application/json");
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Refusal("BadRequest", "the request is not well-formed");
  if (isTransient(error)) return new Refusal("HubUnavailable", "the hub does not answer; try again in 5 s", { retryAfterSeconds: 5 });
  return new Refusal("InternalError", "something went wrong here; the log of auth says more");
}

function answer(reply: FastifyReply, refusal: Refusal): FastifyReply {
  if (refusal.retryAfterSeconds !== undefined) reply.header("retry-after", refusal.retryAfterSeconds);
  if (refusal.status === 401) reply.header("www-authenticate", "Bearer");
  return reply.code(refusal.status).type("application/json").send(refusal.body);
}

/** Names the field and the rule, never the value. */
function schemaMessage(
  problem: { instancePath: string; message?: string; keyword: string; params: Record<string, unknown> } | undefined,
): string {
  if (problem === undefined) return "the body is not as expected";
  const field = problem.instancePath === "" ? "body" : problem.instancePath.slice(1).replaceAll("/", ".");
  if (problem.keyword === "additionalProperties") return `${field}: has a field that is not known here`;
  return `${field}: ${problem.message ?? "is not as expected"}`;
}

/** What is not even HTTP: answered in one write, and the connection is closed. Before the handshake is done there is nothing to answer with. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  const code =
    ({ HPE_HEADER_OVERFLOW: "HeadersTooLarge", ERR_HTTP_REQUEST_TIMEOUT: "RequestTooSlow" } as const)[error.code ?? ""] ?? "BadRequest";
  if (socket.destroyed || !socket.writable || !/^(HPE_|ERR_HTTP_)/.test(error.code ?? "")) return void socket.destroy();
  const { status, body } = new Refusal(code, "the request is not well-formed, too large or too slow");
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body, () => socket.destroy());
  // Whoever does not read the answer is not waited for.
  setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
}
