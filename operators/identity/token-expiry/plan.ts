import type { Token } from "../../../crds/v1alpha1/token.ts";
import { refOf } from "../../../lib/kube/object.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { evaluateSession, type SessionResult } from "../../../lib/sessions/session.ts";
import type { Observed } from "./observe.ts";

/** Timers reach no further than 24 days, and a look once an hour is cheap. */
const LONGEST_WAIT_MS = 3_600_000;

/**
 * These compare the Token with what auth wrote on the User a moment before, which this process's cache may not have yet. A Token for which
 * they hold is refused everywhere, so its deletion can wait until the cache is certain to be up to date.
 */
const SURE_AFTER_MS = 60_000;
const COMPARED: readonly SessionResult[] = ["UserReplaced", "LoggedOutEverywhere", "PasswordChanged", "ProviderReplaced"];

/** While something cannot be read no Token is deleted: a login ends for a reason only. */
export function plan(token: Token, { user, provider }: Observed, now: Date): Plan<never> {
  if (token.metadata.deletionTimestamp !== undefined) return keep();
  const leftMs = Date.parse(token.spec.expiresAt) - now.getTime();
  if (!(leftMs > 0)) return remove(token);
  const later = { ms: Math.min(leftMs, LONGEST_WAIT_MS), because: "the token expires" };
  if (user.is === "unreadable" || provider.is === "unreadable") return { ...keep(), requeueAfter: later };

  // Where a User has access is not evaluated here: auth and the proxy refuse a User without access, and admit them once they have some.
  const facts = { user: present(user), provider: present(provider), hasAccessSomewhere: true };
  const result = evaluateSession(token, facts, now.getTime());
  if (result === "Valid") return { ...keep(), requeueAfter: later };
  const unsureMs = Date.parse(token.metadata.creationTimestamp ?? "") + SURE_AFTER_MS - now.getTime();
  if (COMPARED.includes(result) && unsureMs > 0)
    return { ...keep(), requeueAfter: { ms: unsureMs, because: "the cache is up to date by then" } };
  return remove(token);
}

const present = <T>(reading: { readonly is: "present"; readonly value: T } | { readonly is: "absent" }): T | undefined =>
  reading.is === "present" ? reading.value : undefined;

const keep = (): Plan<never> => ({ conditions: [], finalizer: "none" });

const remove = (token: Token): Plan<never> => ({ ...keep(), remove: [refOf(token)] });
