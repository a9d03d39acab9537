// The audit record and the metrics: one line for each request when it ends, and one when a long request begins. Names only, never a header, a
// query or a body. Lines are written in batches and without a logger, since every request has one. Refusals of unauthenticated clients get a
// limited number of lines; the rest is counted in lines of their own.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { AuditLimiter } from "./audit-limiter.ts";

export interface AuditRecord {
  readonly stage: "begin" | "end";
  /** A request to a cluster, or an agent's tunnel or request to the hub. */
  readonly action: "request" | "tunnel" | "agent-hub" | "none";
  readonly decision: "allow" | "deny";
  readonly source: string;
  readonly cluster?: string;
  /** Only names of objects that exist. */
  readonly user?: string;
  readonly token?: string;
  readonly method?: string;
  /** Without the query, which may hold a command and its arguments. */
  readonly path?: string;
  readonly userAgent?: string;
  /** 0: the client left before an answer. */
  readonly status: number;
  /** A code of docs/errors.md. */
  readonly refusal?: string;
  /** CamelCase, from a small set: more than the client is told. */
  readonly reason?: string;
  readonly ms?: number;
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** So many refusals of this kind got no line of their own. */
  readonly count?: number;
}

const FLUSH_MS = 50;
const COUNTS_EVERY_MS = 10_000;
const FLUSH_CHARACTERS = 64 * 1024;
const MAX_TEXT = 1024;

export interface Gauges {
  readonly openRequests: () => number;
  readonly tunnels: () => number;
  readonly bufferedBytes: () => number;
  readonly staleSeconds: () => number;
}

export class Recorder {
  readonly #write: (lines: string) => void;
  readonly #requests: Counter<"action" | "status" | "refusal">;
  readonly #seconds: Histogram;
  readonly #bytes: Counter<"direction">;
  readonly #ended: Counter<"refusal">;
  readonly #limiter = new AuditLimiter();
  #lines = "";
  #timer: NodeJS.Timeout | undefined;
  #countsTimer: NodeJS.Timeout | undefined;

  constructor(metrics: Registry, gauges: Gauges, write: (lines: string) => void) {
    this.#write = write;
    const registers = [metrics];
    this.#requests = new Counter({
      name: "drover_proxy_requests_total",
      help: "Requests, by action, status of the answer, and refusal.",
      labelNames: ["action", "status", "refusal"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "drover_proxy_request_seconds",
      help: "Time from a request's head to the end of its answer; watches and streams last as long as they are open.",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600],
      registers,
    });
    this.#bytes = new Counter({ name: "drover_proxy_body_bytes_total", help: "Bytes of bodies.", labelNames: ["direction"], registers });
    this.#ended = new Counter({
      name: "drover_proxy_ended_total",
      help: "Open requests that were ended because the access that they rested on had ended.",
      labelNames: ["refusal"],
      registers,
    });
    gauge("drover_proxy_open_requests", "Open requests.", gauges.openRequests);
    gauge("drover_proxy_tunnels", "Tunnels that end here.", gauges.tunnels);
    gauge("drover_proxy_tunnel_buffered_bytes", "Bytes that the proxy buffers for tunnels.", gauges.bufferedBytes);
    gauge(
      "drover_proxy_hub_silent_seconds",
      "Seconds since the hub last confirmed the kind that it confirmed longest ago.",
      gauges.staleSeconds,
    );

    function gauge(name: string, help: string, value: () => number): void {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    }
  }

  ended(refusal: string): void {
    this.#ended.inc({ refusal });
  }

  record(record: AuditRecord): void {
    if (record.stage === "end") {
      this.#requests.inc({ action: record.action, status: record.status, refusal: record.refusal ?? "" });
      if (record.ms !== undefined) this.#seconds.observe(record.ms / 1000);
      if (record.bytesIn) this.#bytes.inc({ direction: "in" }, record.bytesIn);
      if (record.bytesOut) this.#bytes.inc({ direction: "out" }, record.bytesOut);
    }
    const isUnauthenticated = record.decision === "deny" && record.user === undefined;
    if (!isUnauthenticated || this.#limiter.admit(record.source, `${record.status} ${record.refusal}`, performance.now()))
      this.#line(record);
    else this.#countsTimer ??= setTimeout(() => this.#counts(), COUNTS_EVERY_MS).unref();
  }

  #counts(): void {
    clearTimeout(this.#countsTimer);
    this.#countsTimer = undefined;
    for (const [refused, count] of this.#limiter.takeSuppressed()) {
      const [status, refusal = ""] = refused.split(" ");
      this.#line({ stage: "end", action: "none", decision: "deny", source: "", status: Number(status), refusal, count });
    }
  }

  #line(record: AuditRecord): void {
    this.#lines += `${JSON.stringify({ level: "info", message: "audit", time: new Date().toISOString(), process: "proxy", audit: shortened(record) })}\n`;
    if (this.#lines.length >= FLUSH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Writes what is left. */
  close(): void {
    this.#counts();
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lines === "") return;
    const lines = this.#lines;
    this.#lines = "";
    this.#write(lines);
  }
}

/** Cuts the texts whose length the client chooses. */
function shortened(record: AuditRecord): AuditRecord {
  const { path, userAgent } = record;
  if ((path?.length ?? 0) <= MAX_TEXT && (userAgent?.length ?? 0) <= MAX_TEXT) return record;
  return {
    ...record,
    ...(path ? { path: path.slice(0, MAX_TEXT) } : {}),
    ...(userAgent ? { userAgent: userAgent.slice(0, MAX_TEXT) } : {}),
  };
}
