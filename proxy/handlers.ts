// What happens to a request, step by step: admit, decide, take a place, forward; and what ends and records it. One path for requests, one for
// changes of protocol.
import type { BlockList } from "node:net";
import type { Duplex } from "node:stream";
import { framingOf } from "../lib/http1/head.ts";
import type { RateLimiter } from "../lib/server/rate.ts";
import { refuseSocket } from "../lib/server/raw-answer.ts";
import { Refusal } from "../lib/server/refusal.ts";
import type { RequestHead } from "../lib/tunnel/head.ts";
import { type AdmittedRequest, admit, type RawRequest } from "./admit.ts";
import type { HubForwarder } from "./agents/hub-forwarder.ts";
import type { TunnelEndpoint } from "./agents/tunnel-endpoint.ts";
import { type Client, refuse } from "./client.ts";
import { type Exchange, forward, type Outcome } from "./forward.ts";
import type { Handlers } from "./listener.ts";
import { isLongRunning } from "./long-running.ts";
import type { OpenRequest, OpenRequests } from "./open-requests.ts";
import { type Decision, decide, type HubView } from "./pipeline.ts";
import type { AuditRecord, Recorder } from "./record.ts";
import type { Shares } from "./shares.ts";
import type { Tunnels } from "./tunnels.ts";
import { askForUpgrade, forwardUpgrade } from "./upgrade.ts";

/** A request that is still open after this time gets an audit line then, and not only when it ends: a watch may last for days. */
const LONG_MS = 2_000;

export interface ProxyParts {
  readonly hub: HubView;
  readonly tunnels: Tunnels;
  readonly open: OpenRequests;
  readonly recorder: Recorder;
  readonly hubForwarder: HubForwarder;
  readonly tunnelEndpoint: TunnelEndpoint;
  readonly trusted: BlockList;
  readonly staleAfterMs: number;
  readonly shares: Shares;
  /** By user: requests that the client cancelled before their answer began. Each costs the cluster's agent a connection. */
  readonly cancelled: RateLimiter;
}

/** How an admitted request is answered: as an HTTP exchange, or as a change of protocol. */
interface Transport {
  readonly hasBody: boolean;
  refuse(refusal: Refusal): void;
  forward(head: RequestHead, done: (outcome: Outcome) => void): Exchange;
}

type Who = Decision["who"];

export class RequestHandlers implements Handlers {
  readonly #parts: ProxyParts;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
  }

  request(client: Client): void {
    const started = performance.now();
    const { hubForwarder, trusted, tunnels } = this.#parts;
    const admitted = admit(client.request, trusted);
    if (admitted instanceof Refusal) {
      refuse(client, admitted);
      this.#recordUnadmitted(client.request, admitted);
    } else if (admitted.to === "hub") {
      hubForwarder.handle(client, admitted, (outcome) => this.#recordEnd({ action: "agent-hub", admitted, started }, outcome));
    } else if (admitted.to === "tunnel" || admitted.upgrade !== undefined) {
      const refusal = new Refusal("UpgradeRefused", "this needs a change of protocol, over HTTP/1.1");
      refuse(client, refusal);
      this.#recordRefused({ action: "tunnel", admitted, started }, refusal);
    } else {
      const { cluster } = admitted;
      this.#serve(admitted, started, {
        hasBody: client.body !== undefined,
        refuse: (refusal) => refuse(client, refusal),
        forward: (head, done) => forward(client, (except) => tunnels.pick(cluster, except), cluster, head, done),
      });
    }
  }

  upgrade(request: RawRequest, socket: Duplex, behind: Buffer): void {
    const started = performance.now();
    socket.on("error", () => {});
    const admitted = admit(request, this.#parts.trusted);
    if (admitted instanceof Refusal) {
      refuseSocket(socket, admitted);
      this.#recordUnadmitted(request, admitted);
    } else if (admitted.to === "tunnel") {
      void this.#acceptTunnel(admitted, socket, behind, started);
    } else if (admitted.to === "hub" || admitted.upgrade === undefined) {
      const refusal = new Refusal("UpgradeRefused", "this change of protocol is not served here");
      refuseSocket(socket, refusal);
      this.#recordRefused({ action: "request", admitted, started }, refusal);
    } else {
      const headers = askForUpgrade(admitted.headers, admitted.upgrade);
      const { cluster } = admitted;
      this.#serve({ ...admitted, headers }, started, {
        hasBody: false,
        refuse: (refusal) => refuseSocket(socket, refusal),
        forward: (head, done) => forwardUpgrade({ socket, behind }, this.#parts.tunnels.pick(cluster), cluster, head, done),
      });
    }
  }

  malformed(refusal: Refusal, peer: string): void {
    this.#recordUnadmitted({ method: "", url: "", rawHeaders: [], peer }, refusal);
  }

  #serve(admitted: AdmittedRequest, started: number, transport: Transport): void {
    const { hub, open, staleAfterMs } = this.#parts;
    const refuseWith = (refusal: Refusal, who?: Who): void => {
      transport.refuse(refusal);
      this.#recordRefused({ action: "request", admitted, who, started }, refusal);
    };
    const decision = decide(admitted, hub, Date.now(), staleAfterMs);
    if ("refusal" in decision) return refuseWith(decision.refusal, decision.who);
    const { who, identity } = decision;
    const { method, path, headers, upgrade, contentLength } = admitted;
    const body = framingOf(contentLength, transport.hasBody);
    if (body === undefined) return refuseWith(new Refusal("MalformedRequest", "the request declares a body and has none"), who);
    const place = this.#takePlace(admitted, who, started);
    if (place instanceof Refusal) return refuseWith(place, who);

    let over = false;
    let remove = (): void => {};
    const recordBegin = (): void => this.#recordBegin(admitted, who);
    if (upgrade !== undefined) recordBegin();
    const becomesLong = upgrade === undefined ? setTimeout(recordBegin, LONG_MS).unref() : undefined;
    const exchange = transport.forward({ method, path, headers, body, ...identity }, (outcome) => {
      over = true;
      place();
      remove();
      clearTimeout(becomesLong);
      if (outcome.status === 0) this.#parts.cancelled.take(who.user.metadata.name, performance.now());
      this.#recordEnd({ action: "request", admitted, who, started }, outcome);
    });
    if (!over) remove = open.add(openRequest(admitted, decision, exchange));
  }

  /** The user's share of what the cluster can carry. Returns the function that gives the place back. */
  #takePlace({ cluster, path, upgrade }: AdmittedRequest, who: Who, nowMs: number): (() => void) | Refusal {
    const { cancelled, shares } = this.#parts;
    const user = who.user.metadata.name;
    const place =
      cancelled.wait(user, nowMs) > 0
        ? `too many requests of User "${user}" are cancelled before they were answered`
        : shares.take({ cluster, user, longRunning: isLongRunning(path, upgrade) });
    return typeof place === "string" ? new Refusal("TooManyRequests", place) : place;
  }

  async #acceptTunnel(admitted: AdmittedRequest, socket: Duplex, behind: Buffer, started: number): Promise<void> {
    const session = await this.#parts.tunnelEndpoint.accept(admitted, socket, behind);
    if (session instanceof Refusal) {
      refuseSocket(socket, session);
      this.#recordRefused({ action: "tunnel", admitted, started }, session);
      return;
    }
    const { cluster, source } = admitted;
    const { recorder } = this.#parts;
    recorder.record({ stage: "begin", action: "tunnel", decision: "allow", source, cluster, status: 101 });
    const error = await session.closed;
    const ms = Math.round(performance.now() - started);
    const reason = error?.reason ?? "Drained";
    recorder.record({ stage: "end", action: "tunnel", decision: "allow", source, cluster, status: 101, reason, ms });
  }

  /** Nothing that an unauthenticated client sent is repeated, but for a plain method. */
  #recordUnadmitted({ method, peer }: RawRequest, refusal: Refusal): void {
    const plainMethod = /^[A-Z]{1,10}$/.test(method) ? { method } : {};
    const { status, code } = refusal;
    this.#parts.recorder.record({
      ...{ stage: "end", action: "none", decision: "deny", source: peer, ...plainMethod },
      ...{ status, refusal: code },
    });
  }

  #recordBegin(admitted: AdmittedRequest, who: Who): void {
    this.#parts.recorder.record({ stage: "begin", action: "request", decision: "allow", ...described(admitted, who), status: 0 });
  }

  #recordRefused(what: Recorded, refusal: Refusal): void {
    this.#recordEnd(what, { status: refusal.status, refusal, bytesIn: 0, bytesOut: 0 });
  }

  #recordEnd({ action, admitted, who, started }: Recorded, { refusal, status, bytesIn, bytesOut }: Outcome): void {
    this.#parts.recorder.record({
      stage: "end",
      action,
      decision: refusal === undefined ? "allow" : "deny",
      ...described(admitted, who),
      status,
      ...(refusal === undefined ? {} : { refusal: refusal.code }),
      ...(refusal?.auditReason === undefined ? {} : { reason: refusal.auditReason }),
      ms: Math.round((performance.now() - started) * 100) / 100,
      bytesIn,
      bytesOut,
    });
  }
}

/** What an audit line is about. */
interface Recorded {
  readonly action: AuditRecord["action"];
  readonly admitted: AdmittedRequest;
  /** undefined: the client is not authenticated. */
  readonly who?: Who | undefined;
  /** In milliseconds of performance.now(). */
  readonly started: number;
}

function openRequest({ cluster }: AdmittedRequest, { who: { user, token }, groups }: Decision, exchange: Exchange): OpenRequest {
  return {
    cluster,
    groups,
    user: user.metadata.name,
    tokenName: token.metadata.name,
    tokenUID: token.metadata.uid,
    expiresAt: Date.parse(token.spec.expiresAt),
    end: (refusal) => exchange.end(refusal),
  };
}

/** The path of an unauthenticated client is not recorded either: it may be a secret in the wrong place. */
function described({ source, cluster, method, path, userAgent }: AdmittedRequest, who: Who | undefined) {
  if (who === undefined) return { source, cluster, method };
  const [withoutQuery = ""] = path.split("?", 1);
  const names = { user: who.user.metadata.name, token: who.token.metadata.name, path: withoutQuery };
  return { source, cluster, method, ...names, ...(userAgent === undefined ? {} : { userAgent }) };
}
