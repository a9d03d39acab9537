// The time of an agent's last heartbeat, by the hub's clock. Pure.
import type { Lease } from "../../lib/kube/core.ts";
import type { ManagedFieldsEntry } from "../../lib/kube/object.ts";

/** For so long after its last heartbeat an agent counts as connected. */
export const SILENCE_MS = 40_000;

/**
 * Milliseconds since 1970 of the last renewal, or undefined when there was none. The API server records when it changed the field. The
 * value that the agent wrote is by the agent's clock, which may be an hour off.
 */
export function lastHeartbeat(lease: Lease | undefined): number | undefined {
  const { renewTime } = lease?.spec ?? {};
  if (!lease || renewTime === undefined) return undefined;
  const entries = (lease.metadata.managedFields ?? []) as readonly (ManagedFieldsEntry & { readonly time?: string })[];
  const noted = entries
    .filter(renews)
    .map(({ time = "" }) => Date.parse(time))
    .filter((time) => !Number.isNaN(time));
  if (noted.length > 0) return Math.max(...noted);
  const written = Date.parse(renewTime);
  return Number.isNaN(written) ? undefined : written;
}

function renews({ fieldsV1 }: ManagedFieldsEntry): boolean {
  const spec = fieldsV1?.["f:spec"];
  return typeof spec === "object" && spec !== null && "f:renewTime" in spec;
}

export const isRecent = (heartbeat: number | undefined, now: Date): boolean =>
  heartbeat !== undefined && now.getTime() - heartbeat < SILENCE_MS;
