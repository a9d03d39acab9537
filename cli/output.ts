// How commands show what they found: a table for people, JSON for programs.

export type Format = "table" | "json";
export const FORMATS: readonly Format[] = ["table", "json"];

/** Columns padded to the widest cell, two spaces between them, as kubectl does. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("   ")
          .trimEnd()}\n`,
    )
    .join("");
}

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
