// Resident memory of each process of Drover.
import { readFileSync } from "node:fs";
import { state } from "../e2e/harness/state.ts";

/** MiB by process; what Kubernetes itself needs is not counted. */
export function residentMemory(): Record<string, number> {
  const ours = Object.entries(state().processes).filter(([name]) => /^(operator|auth|proxy|agent):/.test(name));
  return Object.fromEntries(ours.map(([name, { pid }]) => [name, residentMiB(pid)]));
}

function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}
