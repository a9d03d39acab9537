// Forwards a request through the tunnel, and its answer back. Backpressure works in both directions: a client that does not read stops its own
// request, and no other.
import { evaluateAnswer } from "../lib/identity/answer.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { TunnelCode, TunnelError } from "../lib/tunnel/errors.ts";
import type { RequestHead, ResponseHead } from "../lib/tunnel/head.ts";
import type { Session } from "../lib/tunnel/session.ts";
import type { Stream } from "../lib/tunnel/stream.ts";
import { type Client, refuse } from "./client.ts";
import { answerRefused, interruption, notConnected } from "./interruption.ts";

/** How an exchange ended; bytes are those of the bodies. */
export interface Outcome {
  /** 0: the client disconnected before an answer. */
  readonly status: number;
  readonly refusal?: Refusal;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Exchange {
  /** Ends it because access has ended. The client sees a refusal, or, when the answer has begun, that it breaks off. */
  end(refusal: Refusal): void;
}

/** Chooses a tunnel of the cluster; `except`: the one that just refused. */
export type Pick = (except?: Session) => Session | undefined;

/** `done` is called exactly once. */
export function forward(client: Client, pick: Pick, cluster: string, head: RequestHead, done: (outcome: Outcome) => void): Exchange {
  let stream: Stream | undefined;
  let status = 0;
  let refused: Refusal | undefined;
  const stop = (refusal: Refusal): void => {
    if (refused !== undefined) return; // the reset that follows an end from this side
    refused = refusal;
    if (!client.responded) status = refusal.status;
    refuse(client, refusal);
  };
  client.onClose(() => {
    if (stream !== undefined && !(stream.readableEnded && stream.writableFinished)) stream.reset(TunnelCode.Cancelled);
    done({ status, ...(refused ? { refusal: refused } : {}), bytesIn: stream?.bytesSent ?? 0, bytesOut: stream?.bytesReceived ?? 0 });
  });
  const attempt = (session: Session | undefined, mayRetry: boolean): void => {
    const opened = session === undefined ? notConnected(cluster) : opening(session, cluster, head);
    if (opened instanceof Refusal) return stop(opened);
    stream = opened;
    opened.on("head", (answer: ResponseHead) => {
      const result = evaluateAnswer({ method: head.method, path: head.path, base: `/clusters/${cluster}` }, answer);
      if (result.is === "refused") {
        stop(answerRefused(cluster, result.reason));
        opened.reset(TunnelCode.Protocol, "the answer is refused");
        return;
      }
      status = result.status;
      client.respond(result.status, result.headers);
      if (result.length !== undefined) holdToLength(opened, result.length, () => client.abort("broken"));
      opened.pipe(client.sink);
    });
    opened.on("error", (error: Error) => {
      // A tunnel that is draining did not begin the request: another may take it.
      const other = mayRetry && client.body === undefined && wasNotBegun(error) && !client.responded ? pick(session) : undefined;
      if (other !== undefined && refused === undefined) attempt(other, false);
      else stop(interruption(error, cluster));
    });
    if (client.body === undefined) opened.end();
    else client.body.pipe(opened);
  };
  attempt(pick(), true);
  return {
    end: (refusal) => {
      stop(refusal);
      stream?.reset(TunnelCode.Revoked, refusal.code);
    },
  };
}

/**
 * Breaks off an answer that is longer or shorter than it declares. Behind a load balancer the surplus could become the answer to the next request
 * on the connection, perhaps another client's. To be called before the stream is piped on.
 */
export function holdToLength(stream: Stream, length: number, breakOff: () => void): void {
  let missing = length;
  stream.on("data", (piece: Buffer) => {
    missing -= piece.length;
    if (missing >= 0) return;
    stream.unpipe();
    breakOff();
  });
  stream.on("end", () => missing > 0 && breakOff());
}

/** Begins the request, or says why it cannot be begun. */
export function opening(session: Session, cluster: string, head: RequestHead): Stream | Refusal {
  try {
    return session.open(head);
  } catch (error) {
    return error instanceof RangeError ? new Refusal("HeadersTooLarge", error.message) : interruption(error as Error, cluster);
  }
}

const wasNotBegun = (error: Error): boolean => error instanceof TunnelError && error.code === TunnelCode.Refused && error.remote;
