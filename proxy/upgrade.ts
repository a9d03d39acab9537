// Forwards a change of protocol: the same kind of stream, which carries raw bytes both ways after the 101. Nothing behind the request's head is
// read until the cluster has agreed. If it does not agree, those bytes are never used, and the connection ends.
import type { Duplex } from "node:stream";
import { type AnswerResult, changeHeaders, evaluateAnswer } from "../lib/identity/answer.ts";
import { closeAfterAnswer, refuseSocket, responseHead } from "../lib/server/raw-answer.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { TunnelCode } from "../lib/tunnel/errors.ts";
import type { RequestHead, ResponseHead } from "../lib/tunnel/head.ts";
import type { Session } from "../lib/tunnel/session.ts";
import type { Stream } from "../lib/tunnel/stream.ts";
import { type Exchange, holdToLength, type Outcome, opening } from "./forward.ts";
import { answerRefused, interruption, notConnected } from "./interruption.ts";

/** How long a client may take to read the answer of a cluster that did not agree to the change. */
const ANSWER_MS = 30_000;

/** The client's connection, on which nothing was answered yet. */
export interface UpgradeSocket {
  readonly socket: Duplex;
  /** What came right behind the request's head. */
  readonly behind: Buffer;
}

/** `done` is called exactly once. */
export function forwardUpgrade(
  { socket, behind }: UpgradeSocket,
  session: Session | undefined,
  cluster: string,
  head: RequestHead,
  done: (outcome: Outcome) => void,
): Exchange {
  const opened = session === undefined ? notConnected(cluster) : opening(session, cluster, head);
  if (opened instanceof Refusal) {
    refuseSocket(socket, opened);
    done({ status: opened.status, refusal: opened, bytesIn: 0, bytesOut: 0 });
    return { end: () => {} };
  }
  const stream = opened;
  let status = 0;
  let refused: Refusal | undefined;
  const stop = (refusal: Refusal): void => {
    if (refused !== undefined) return;
    refused = refusal;
    if (status !== 0) {
      socket.destroy();
      return;
    }
    status = refusal.status;
    refuseSocket(socket, refusal);
  };
  socket.pause();
  socket.on("error", () => {});
  stream.on("error", (error: Error) => stop(interruption(error, cluster)));
  stream.on("head", (answer: ResponseHead) => {
    if (answer.status === 101) {
      status = 101;
      join(socket, stream, answer, behind);
      return;
    }
    const result = evaluateAnswer({ method: head.method, path: head.path, base: `/clusters/${cluster}` }, answer);
    if (result.is === "refused") {
      stop(answerRefused(cluster, result.reason));
      stream.reset(TunnelCode.Protocol, "the answer is refused");
      return;
    }
    status = result.status;
    answerAndClose(socket, stream, result);
  });
  socket.once("close", () => {
    if (!stream.readableEnded || !stream.writableFinished) stream.reset(TunnelCode.Cancelled);
    done({ status, ...(refused ? { refusal: refused } : {}), bytesIn: stream.bytesSent, bytesOut: stream.bytesReceived });
  });
  return {
    end: (refusal) => {
      stop(refusal);
      stream.reset(TunnelCode.Revoked, refusal.code);
    },
  };
}

/** After a 101 all bytes of the client belong to this stream, first those that arrived behind the request. */
function join(socket: Duplex, stream: Stream, { headers }: ResponseHead, behind: Buffer): void {
  if (socket.destroyed) return;
  socket.write(responseHead(101, changeHeaders(headers)));
  if (behind.length > 0) stream.write(behind);
  socket.pipe(stream);
  stream.pipe(socket);
}

/** Any other answer ends the connection: whatever the client sent behind the request is not read as a second one. */
function answerAndClose(socket: Duplex, stream: Stream, { status, headers, length }: Extract<AnswerResult, { is: "accepted" }>): void {
  socket.write(responseHead(status, [...headers, "Connection", "close"]));
  if (length !== undefined) holdToLength(stream, length, () => socket.destroy());
  stream.end();
  stream.pipe(socket);
  closeAfterAnswer(socket, ANSWER_MS);
}

/** The headers with which the cluster is asked: those that were admitted, and the change that is wanted. */
export const askForUpgrade = (headers: readonly string[], upgrade: string): string[] => [
  ...headers,
  "Connection",
  "Upgrade",
  "Upgrade",
  upgrade,
];
