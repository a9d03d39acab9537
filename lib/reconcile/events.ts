import { randomBytes } from "node:crypto";
import { type ApiError, isForbidden } from "../kube/client.ts";
import { Event } from "../kube/core.ts";
import { type Condition, type KubeObject, keyOf } from "../kube/object.ts";

export interface Transition {
  readonly type: string;
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
}

/** Events come only from a difference: a condition whose status or reason is not what it was. Pure. */
export function transitions(before: readonly Condition[], after: readonly Condition[]): Transition[] {
  return after.filter((now) => {
    const old = before.find(({ type }) => type === now.type);
    return old === undefined || old.status !== now.status || old.reason !== now.reason;
  });
}

/** How many events a subject may cause at once, and how soon it may cause one more after that. */
const BURST = 12;
const REFILL_MS = 30_000;

/** Keeps a subject that flaps from filling etcd with events: a bucket for each subject, by the monotonic clock. */
export class EventAllowance {
  readonly #buckets = new Map<string, { left: number; at: number }>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** True when the subject may cause one more event, which is then counted. */
  take(subject: string): boolean {
    const now = this.#now();
    const { left, at } = this.#buckets.get(subject) ?? { left: BURST, at: now };
    const refilled = Math.min(BURST, left + (now - at) / REFILL_MS);
    this.#buckets.set(subject, { left: refilled >= 1 ? refilled - 1 : refilled, at: now });
    return refilled >= 1;
  }

  forget(subject: string): void {
    this.#buckets.delete(subject);
  }
}

/** The Event that tells of a transition; for a cluster-scoped subject it lies in namespace `default`, as Kubernetes does it. */
export function eventOf(
  subject: KubeObject,
  { type, status, reason, message }: Transition,
  reporter: { name: string; instance: string },
  now: Date,
): Event {
  const key = keyOf(subject);
  return {
    apiVersion: Event.apiVersion,
    kind: Event.kind,
    metadata: { name: `${key.name.slice(0, 230)}.${randomBytes(8).toString("hex")}`, namespace: key.namespace ?? "default" },
    eventTime: now.toISOString().replace("Z", "000Z"),
    reportingController: `drover.dev/${reporter.name}`,
    reportingInstance: reporter.instance.slice(0, 128),
    action: type.slice(0, 128),
    reason: reason.slice(0, 128),
    type: status === "True" ? "Normal" : "Warning",
    note: `${type}=${status}${message === "" ? "" : `: ${message}`}`.slice(0, 1000),
    regarding: {
      apiVersion: subject.apiVersion,
      kind: subject.kind,
      ...key,
      ...(subject.metadata.uid === undefined ? {} : { uid: subject.metadata.uid }),
      ...(subject.metadata.resourceVersion === undefined ? {} : { resourceVersion: subject.metadata.resourceVersion }),
    },
  };
}

/** Whether an event was refused because its namespace is being deleted, and with it whatever it would have told of. */
export function isNamespaceGoing(error: unknown): boolean {
  if (!isForbidden(error)) return false;
  const causes = ((error as ApiError).details as { causes?: { reason?: string }[] } | undefined)?.causes ?? [];
  return causes.some(({ reason }) => reason === "NamespaceTerminating");
}
