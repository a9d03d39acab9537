// What became of the AccessSets, in as many bytes as a report may have. A cluster that refuses everything must still be able to say so. Pure.
import type { ReportAccess } from "../../crds/v1alpha1/clusterreport.ts";
import { STATUS_BYTES } from "../../lib/components/agent-on-hub.ts";
import type { AccessReport } from "../access/memory.ts";

/** The rest of the report takes less than the difference. */
export const MAX_ACCESS_BYTES = STATUS_BYTES - 8 * 1024;

/** What is left out at the end of a list is no loss: each set's own status has its epoch, and the condition of a set names what is refused. */
export function boundedAccess({ epochs, appliedAt, objects, corrected, refused, restored, skipped }: AccessReport): ReportAccess {
  const lists = {
    epochs: epochs.slice(0, 200).map(({ set, epoch }) => ({ set, epoch })),
    refused: refused.slice(0, 20).map(({ object, message }) => ({ object: cut(object, 300), message: cut(message, 512) })),
    // The latest first: an acceptance must be later than all of them.
    restored: restored
      .toSorted((a, b) => b.epoch - a.epoch)
      .slice(0, 50)
      .map(({ object, epoch }) => ({ object: cut(object, 300), epoch })),
    skipped: skipped.slice(0, 20).map(({ template, message }) => ({ template, message: cut(message, 512) })),
  };
  const rest = { ...(appliedAt === undefined ? {} : { appliedAt }), objects, corrected };
  const bytes = (list: readonly object[]): number => Buffer.byteLength(JSON.stringify(list), "utf8");
  // Only text that is not ASCII needs it: the bounds above count characters, as the kind's schema does.
  while (bytes([{ ...lists, ...rest }]) > MAX_ACCESS_BYTES) {
    const longest = Object.values(lists).reduce((a: object[], b: object[]) => (bytes(b) > bytes(a) ? b : a), []);
    longest.length = Math.floor(longest.length / 2);
  }
  return { ...lists, ...rest };
}

/** At most so many UTF-16 units, and no half of a pair. */
const cut = (text: string, length: number): string => (text.length <= length ? text : text.slice(0, length).toWellFormed());
