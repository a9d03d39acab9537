// One audit line for each decision: who asked for what, from where, and why it was granted or refused.
// Never a password, a token, its hash, a nonce or a signature; and no name without an object, which may be a password typed into the wrong field.
import { Counter, type Registry } from "prom-client";
import type { Refusal } from "../lib/server/refusal.ts";

export interface Decision {
  readonly action: "login" | "logout" | "logout-everywhere" | "list-clusters" | "register-agent" | "agent-challenge" | "agent-token";
  readonly decision: "allow" | "deny";
  /** CamelCase, from a small set. */
  readonly reason: string;
  readonly requestId: string;
  readonly source: string;
  /** Only if it exists. */
  readonly user?: string;
  readonly provider?: string;
  readonly cluster?: string;
  /** Name of the Token object that was made or used. */
  readonly token?: string;
  readonly fingerprint?: string;
}

/** The reason of a refusal, for the record. */
export const reasonOf = ({ auditReason, code }: Refusal): string => auditReason ?? code;

interface Log {
  info(message: string, fields: object): unknown;
}

export class Audit {
  readonly #log: Log;
  readonly #decisions: Counter<"action" | "decision" | "reason">;

  constructor(log: Log, metrics: Registry) {
    this.#log = log;
    this.#decisions = new Counter({
      name: "drover_auth_decisions_total",
      help: "Decisions of auth, by action, decision and reason.",
      labelNames: ["action", "decision", "reason"],
      registers: [metrics],
    });
  }

  record(decision: Decision): void {
    const { action, decision: answer, reason } = decision;
    this.#decisions.inc({ action, decision: answer, reason });
    this.#log.info("audit", { audit: decision });
  }
}
