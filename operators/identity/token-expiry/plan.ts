import type { Token } from "../../../crds/v1alpha1/token.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import type { Observed } from "./observe.ts";

/** Timers reach no further than 24 days; and looking once an hour costs nothing. */
const LONGEST_WAIT_MS = 3_600_000;

/** What could not be read kills nothing: a login ends for a reason, not for a doubt. */
export function plan(token: Token, { user, provider }: Observed, now: Date): Plan<never> {
  if (token.metadata.deletionTimestamp !== undefined) return keep();
  const leftMs = Date.parse(token.spec.expiresAt) - now.getTime();
  const dead = !(leftMs > 0) || user.is === "absent" || provider.is === "absent" || (user.is === "present" && !user.value.spec.enabled);
  if (!dead) return { ...keep(), again: { afterMs: Math.min(leftMs, LONGEST_WAIT_MS), because: "the token runs out" } };
  const { name, uid } = token.metadata;
  const ref = { apiVersion: token.apiVersion, kind: token.kind, name, ...(uid === undefined ? {} : { uid }) };
  return { ...keep(), remove: [ref] };
}

const keep = (): Plan<never> => ({ conditions: [], finalizer: "none" });
