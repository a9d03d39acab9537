// The HTTPS server of auth: limits first, then routes. Every error is answered as a Kubernetes Status that repeats nothing of what was sent.
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import Fastify, { type FastifyError, type FastifyReply } from "fastify";
import { isTransient } from "../lib/kube/client.ts";
import { describe } from "../lib/kube/log.ts";
import { isListed } from "../lib/server/addresses.ts";
import { limitConnections } from "../lib/server/connections.ts";
import { parserRefusal, refuseSocket } from "../lib/server/raw-answer.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { SAFETY_HEADERS } from "../lib/server/safety-headers.ts";
import type { Context } from "./context.ts";
import { type AuthServer, addRoutes } from "./routes.ts";

const BODY_BYTES = 16 * 1024;
const HEADER_BYTES = 8 * 1024;
/** For the handshake, for the head and for the whole request. Slower clients are disconnected. */
const TIMEOUT_MS = 10_000;

export interface ServerOptions {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Open connections of one source, and of all. */
  readonly connectionsPerSource: number;
  readonly connections: number;
  /** How long a client may take over a handshake, a head or a body. */
  readonly timeoutMs?: number;
}

interface Log {
  error(message: string, fields: object): unknown;
}

/** Not listening yet. */
export function createServer(context: Context, options: ServerOptions, log: Log): AuthServer {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const server: AuthServer = Fastify({
    https: {
      cert: options.cert,
      key: options.key,
      minVersion: "TLSv1.2",
      handshakeTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(1000, timeoutMs),
      keepAliveTimeout: timeoutMs,
      maxHeaderSize: HEADER_BYTES,
    },
    requestTimeout: timeoutMs,
    keepAliveTimeout: timeoutMs,
    // Silence after the handshake, which no other limit covers. Long enough for a login that waits in the queue.
    connectionTimeout: 2 * timeoutMs,
    bodyLimit: BODY_BYTES,
    genReqId: () => randomUUID(),
    // A client does not choose its id in the audit record.
    requestIdHeader: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // Fields that the schema does not name are refused, not dropped; a string is not converted to a number.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
    clientErrorHandler: refuseMalformed,
  });
  limitConnections(server.server, {
    ...{ perSource: options.connectionsPerSource, all: options.connections },
    standsForMany: (address) => isListed(address, context.balancers),
  });
  server.removeContentTypeParser("text/plain");
  server.addHook("onSend", async (_request, reply) => {
    setHeaders(reply, [...SAFETY_HEADERS, "Strict-Transport-Security", "max-age=31536000"]);
  });
  server.setNotFoundHandler((_request, reply) => answer(reply, new Refusal("NotFound", "there is nothing at this path")));
  server.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const refusal = asRefusal(error);
    // `describe` of an error of our client names method, path and the server's message: no header, no body.
    if (refusal.status >= 500 && !(error instanceof Refusal))
      log.error("request failed", { requestId: request.id, error: describe(error) });
    return answer(reply, refusal);
  });
  addRoutes(server, context);
  return server;
}

/** Messages of fastify and of the JSON parser may quote what was sent. Those of schema checks do not. */
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
  const { status, headers, body } = refusal.answer();
  setHeaders(reply, headers);
  return reply.code(status).send(body);
}

/** `headers`: names and values in turn. */
function setHeaders(reply: FastifyReply, headers: readonly string[]): void {
  for (let i = 0; i + 1 < headers.length; i += 2) reply.header(headers[i] ?? "", headers[i + 1]);
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

/** Bytes that are no HTTP request. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  const refusal = parserRefusal(error.code, HEADER_BYTES);
  if (refusal === undefined) socket.destroy();
  else refuseSocket(socket, refusal);
}
