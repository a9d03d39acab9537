import type { Token } from "../../../crds/v1alpha1/token.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { evaluateSession, type SessionResult } from "../../../lib/sessions/session.ts";
import type { Observed } from "./observe.ts";

/** Timers reach no further than 24 days; and looking once an hour costs nothing. */
const LONGEST_WAIT_MS = 3_600_000;

/**
 * These compare the Token with what auth wrote on the User a moment before; it may not be known here yet. A Token for which they hold is
 * refused everywhere, so its deletion can wait until there is no doubt.
 */
const SURE_AFTER_MS = 60_000;
const COMPARED: readonly SessionResult[] = ["UserReplaced", "LoggedOutEverywhere", "PasswordChanged", "ProviderReplaced"];

/** What could not be read kills nothing: a login ends for a reason, not for a doubt. */
export function plan(token: Token, { user, provider }: Observed, now: Date): Plan<never> {
  if (token.metadata.deletionTimestamp !== undefined) return keep();
  const leftMs = Date.parse(token.spec.expiresAt) - now.getTime();
  if (!(leftMs > 0)) return remove(token);
  const later = { ms: Math.min(leftMs, LONGEST_WAIT_MS), because: "the token runs out" };
  if (user.is === "unreadable" || provider.is === "unreadable") return { ...keep(), requeueAfter: later };

  // Who has access where is not known here: auth and the proxy refuse whoever has none, and may let them in again.
  const facts = { user: present(user), provider: present(provider), hasAccessSomewhere: true };
  const verdict = evaluateSession(token, facts, now.getTime());
  if (verdict === "Valid") return { ...keep(), requeueAfter: later };
  const unsureMs = Date.parse(token.metadata.creationTimestamp ?? "") + SURE_AFTER_MS - now.getTime();
  if (COMPARED.includes(verdict) && unsureMs > 0) return { ...keep(), requeueAfter: { ms: unsureMs, because: "it may be known by then" } };
  return remove(token);
}

const present = <T>(reading: { readonly is: "present"; readonly value: T } | { readonly is: "absent" }): T | undefined =>
  reading.is === "present" ? reading.value : undefined;

const keep = (): Plan<never> => ({ conditions: [], finalizer: "none" });

function remove({ apiVersion, kind, metadata: { name, uid } }: Token): Plan<never> {
  return { ...keep(), remove: [{ apiVersion, kind, name, ...(uid === undefined ? {} : { uid }) }] };
}
