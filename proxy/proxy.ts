// Puts the proxy together: what a request goes through, step by step, and what ends it later.
import type { BlockList } from "node:net";
import type { Duplex } from "node:stream";
import { framingOf } from "../lib/http1/head.ts";
import type { RateLimiter } from "../lib/limits/rate.ts";
import type { RequestHead } from "../lib/tunnel/head.ts";
import { type AdmittedTo, admit } from "./admit.ts";
import type { HubForwarder } from "./agents/hub-forwarder.ts";
import type { TunnelEndpoint } from "./agents/tunnel-endpoint.ts";
import { type Client, refuse } from "./client.ts";
import { type Exchange, forward, type Outcome } from "./forward.ts";
import type { Handlers } from "./listener.ts";
import type { OpenRequests } from "./open-requests.ts";
import { type Decision, decide, type Hub } from "./pipeline.ts";
import type { AuditRecord, Recorder } from "./record.ts";
import { Refusal } from "./refusal.ts";
import type { Admitted, Incoming } from "./request.ts";
import type { Shares } from "./shares.ts";
import type { Tunnels } from "./tunnels.ts";
import { isUnbounded } from "./unbounded.ts";
import { askForUpgrade, forwardUpgrade, refuseSocket } from "./upgrade.ts";

/** A request that is open for so long is recorded when it is still open, not only when it ends, which for a watch may be in days. */
const LONG_MS = 2_000;

export interface ProxyParts {
  readonly hub: Hub;
  readonly tunnels: Tunnels;
  readonly open: OpenRequests;
  readonly recorder: Recorder;
  readonly hubForwarder: HubForwarder;
  readonly tunnelEndpoint: TunnelEndpoint;
  readonly trusted: BlockList;
  readonly staleAfterMs: number;
  readonly shares: Shares;
  /** By user: requests that their client cancelled before they were answered. Each costs the cluster's agent a connection. */
  readonly cancelled: RateLimiter;
}

export class RequestHandlers implements Handlers {
  readonly #parts: ProxyParts;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
  }

  request(client: Client): void {
    const started = performance.now();
    const admitted = admit(client.incoming, this.#parts.trusted);
    if (admitted instanceof Refusal) {
      refuse(client, admitted);
      this.#recordStranger(client.incoming, admitted);
    } else if (admitted.to === "hub") {
      this.#parts.hubForwarder.handle(client, admitted, (outcome) => this.#recordEnd("agent-hub", admitted, undefined, started, outcome));
    } else if (admitted.to === "tunnel" || admitted.upgrade !== undefined) {
      const refusal = new Refusal("UpgradeRefused", "this needs a change of protocol, over HTTP/1.1");
      refuse(client, refusal);
      this.#recordRefused("tunnel", admitted, undefined, started, refusal);
    } else {
      this.#serve(admitted, started, {
        hasBody: client.body !== undefined,
        refuse: (refusal) => refuse(client, refusal),
        forward: (head, done) =>
          forward(client, (except) => this.#parts.tunnels.pick(admitted.cluster, except), admitted.cluster, head, done),
      });
    }
  }

  upgrade(incoming: Incoming, socket: Duplex, behind: Buffer): void {
    const started = performance.now();
    socket.on("error", () => {});
    const admitted = admit(incoming, this.#parts.trusted);
    if (admitted instanceof Refusal) {
      refuseSocket(socket, admitted);
      this.#recordStranger(incoming, admitted);
    } else if (admitted.to === "tunnel") {
      void this.#acceptTunnel(admitted, socket, behind, started);
    } else if (admitted.to === "hub" || admitted.upgrade === undefined) {
      const refusal = new Refusal("UpgradeRefused", "this change of protocol is not served here");
      refuseSocket(socket, refusal);
      this.#recordRefused("request", admitted, undefined, started, refusal);
    } else {
      const headers = askForUpgrade(admitted.headers, admitted.upgrade);
      this.#serve({ ...admitted, headers }, started, {
        hasBody: false,
        refuse: (refusal) => refuseSocket(socket, refusal),
        forward: (head, done) =>
          forwardUpgrade({ socket, behind }, this.#parts.tunnels.pick(admitted.cluster), admitted.cluster, head, done),
      });
    }
  }

  malformed(refusal: Refusal, peer: string): void {
    this.#recordStranger({ method: "", url: "", rawHeaders: [], peer }, refusal);
  }

  /** Authenticate, route, authorise, identify; then forward, and remember the request for as long as it is open. */
  #serve(
    admitted: AdmittedTo,
    started: number,
    way: {
      readonly hasBody: boolean;
      refuse(refusal: Refusal): void;
      forward(head: RequestHead, done: (outcome: Outcome) => void): Exchange;
    },
  ): void {
    const { hub, open, shares, cancelled, staleAfterMs } = this.#parts;
    const decision = decide(admitted, hub, Date.now(), staleAfterMs);
    if ("refusal" in decision) {
      way.refuse(decision.refusal);
      this.#recordRefused("request", admitted, decision.who, started, decision.refusal);
      return;
    }
    const { cluster, method, path, headers, upgrade, contentLength } = admitted;
    const body = framingOf(contentLength, way.hasBody);
    if (body === undefined) {
      const refusal = new Refusal("MalformedRequest", "the request declares a body and has none");
      way.refuse(refusal);
      this.#recordRefused("request", admitted, decision.who, started, refusal);
      return;
    }
    const user = decision.who.user.metadata.name;
    const place =
      cancelled.wait(user, started) > 0
        ? `too many requests of User "${user}" are cancelled before they were answered`
        : shares.take({ cluster, user, unbounded: isUnbounded(path, upgrade) });
    if (typeof place === "string") {
      const refusal = new Refusal("TooManyRequests", place);
      way.refuse(refusal);
      this.#recordRefused("request", admitted, decision.who, started, refusal);
      return;
    }
    let over = false;
    let remove = (): void => {};
    const recordBegin = (): void => this.#recordBegin(admitted, decision);
    if (admitted.upgrade !== undefined) recordBegin();
    const becomesLong = admitted.upgrade === undefined ? setTimeout(recordBegin, LONG_MS).unref() : undefined;
    const exchange = way.forward({ method, path, headers, body, ...decision.identity }, (outcome) => {
      over = true;
      place();
      remove();
      clearTimeout(becomesLong);
      if (outcome.status === 0) cancelled.take(user, performance.now());
      this.#recordEnd("request", admitted, decision.who, started, outcome);
    });
    if (!over) remove = open.add(openRequest(admitted, decision, exchange));
  }

  async #acceptTunnel(admitted: Admitted, socket: Duplex, behind: Buffer, started: number): Promise<void> {
    const session = await this.#parts.tunnelEndpoint.accept(admitted, socket, behind);
    if (session instanceof Refusal) {
      refuseSocket(socket, session);
      this.#recordRefused("tunnel", admitted, undefined, started, session);
      return;
    }
    const { cluster, source } = admitted;
    this.#parts.recorder.record({ stage: "begin", action: "tunnel", decision: "allow", source, cluster, status: 101 });
    const reason = await session.closed;
    const ms = Math.round(performance.now() - started);
    const because = reason?.reason ?? "Drained";
    this.#parts.recorder.record({ stage: "end", action: "tunnel", decision: "allow", source, cluster, status: 101, because, ms });
  }

  // ── records ──

  /** Before anything is known of who asks, what he sent is not repeated. */
  #recordStranger({ method, peer }: Incoming, refusal: Refusal): void {
    const known = /^[A-Z]{1,10}$/.test(method) ? { method } : {};
    this.#parts.recorder.record({
      stage: "end",
      action: "none",
      decision: "deny",
      source: peer,
      ...known,
      status: refusal.status,
      refusal: refusal.code,
    });
  }

  #recordRefused(
    action: AuditRecord["action"],
    admitted: Admitted,
    who: Decision["who"] | undefined,
    started: number,
    refusal: Refusal,
  ): void {
    this.#recordEnd(action, admitted, who, started, { status: refusal.status, refusal, bytesIn: 0, bytesOut: 0 });
  }

  #recordBegin(admitted: Admitted, decision: Decision): void {
    this.#parts.recorder.record({ stage: "begin", action: "request", decision: "allow", ...described(admitted, decision.who), status: 0 });
  }

  #recordEnd(action: AuditRecord["action"], admitted: Admitted, who: Decision["who"] | undefined, started: number, outcome: Outcome): void {
    const { refusal, status, bytesIn, bytesOut } = outcome;
    this.#parts.recorder.record({
      stage: "end",
      action,
      decision: refusal === undefined ? "allow" : "deny",
      ...described(admitted, who),
      status,
      ...(refusal === undefined ? {} : { refusal: refusal.code }),
      ...(refusal?.because === undefined ? {} : { because: refusal.because }),
      ms: Math.round((performance.now() - started) * 100) / 100,
      bytesIn,
      bytesOut,
    });
  }
}

function openRequest({ cluster }: Admitted, { who: { user, token }, groups }: Decision, exchange: Exchange) {
  return {
    cluster,
    groups,
    user: user.metadata.name,
    tokenName: token.metadata.name,
    tokenUid: token.metadata.uid,
    expiresAt: Date.parse(token.spec.expiresAt),
    end: (because: Refusal) => exchange.end(because),
  };
}

/** Of somebody unknown the path is not recorded either: it may hold what belongs elsewhere. */
function described(admitted: Admitted, who: Decision["who"] | undefined) {
  const { source, cluster, method, path, userAgent } = admitted;
  const question = path.indexOf("?");
  return {
    source,
    cluster,
    method,
    ...(who === undefined
      ? {}
      : { user: who.user.metadata.name, token: who.token.metadata.name, path: question < 0 ? path : path.slice(0, question) }),
    ...(userAgent === undefined || who === undefined ? {} : { userAgent }),
  };
}
