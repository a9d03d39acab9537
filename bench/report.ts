// The table that `make bench` prints.
import type { AccessTimes } from "./access.ts";
import type { RequestTimes } from "./requests.ts";
import { round } from "./statistics.ts";

export interface Results {
  readonly access: AccessTimes;
  readonly requests: RequestTimes;
  readonly memoryMiB: { readonly idle: Readonly<Record<string, number>>; readonly afterLoad: Readonly<Record<string, number>> };
  readonly demoSeconds: { readonly warm?: number; readonly cold?: number };
}

export function report({ access, requests, memoryMiB, demoSeconds }: Results): string {
  const { direct, tunnel } = requests;
  const ms = (value: number): string => `${round(value)} ms`;
  const processes = [...new Set([...Object.keys(direct.cpuMicrosPerRequest), ...Object.keys(tunnel.cpuMicrosPerRequest)])].sort();
  const tables = [
    table(
      `Access, ${access.rounds} rounds`,
      ["", "p50", "p95", "p99", "max"],
      [
        ["grant → first 200", ...[access.grant.p50, access.grant.p95, access.grant.p99, access.grant.max].map(ms)],
        ["revoke → first 403", ...[access.revoke.p50, access.revoke.p95, access.revoke.p99, access.revoke.max].map(ms)],
      ],
    ),
    table(
      `GET of ${requests.bytes} bytes`,
      ["", "direct", "proxy + tunnel", "against direct"],
      [
        [`requests/s, ${requests.connections} connections`, ...compare(direct.requestsPerSecond, tunnel.requestsPerSecond, "×")],
        ["p50, one connection, ms", ...compare(direct.p50ms, tunnel.p50ms, "+")],
        ["p99, one connection, ms", ...compare(direct.p99ms, tunnel.p99ms, "+")],
        ...processes.map((name) => [
          `CPU-µs per request, ${name}`,
          ...compare(direct.cpuMicrosPerRequest[name] ?? 0, tunnel.cpuMicrosPerRequest[name] ?? 0, "+"),
        ]),
      ],
    ),
    table(
      "Resident memory, MiB",
      ["", "idle", "after load"],
      [
        ...Object.keys(memoryMiB.afterLoad)
          .sort()
          .map((name) => [
            name,
            String(round(memoryMiB.idle[name] ?? Number.NaN, 0)),
            String(round(memoryMiB.afterLoad[name] ?? Number.NaN, 0)),
          ]),
      ],
    ),
    table(
      "make demo",
      ["", "seconds"],
      Object.entries(demoSeconds).map(([how, seconds]) => [how, String(round(seconds))]),
    ),
  ];
  return tables.join("\n\n");
}

/** Baseline, the other, and the other as a ratio to it or as what it adds. */
function compare(baseline: number, other: number, how: "×" | "+"): string[] {
  const relation =
    how === "×" ? `× ${round(other / baseline, 2)}` : `${other >= baseline ? "+" : "−"}${round(Math.abs(other - baseline), 2)}`;
  return [String(round(baseline, 2)), String(round(other, 2)), relation];
}

export function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `${title}: not measured`;
  const all = [[title, ...head.slice(1)], ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  return [line(all[0] ?? []), "─".repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...rows.map(line)].join("\n");
}
