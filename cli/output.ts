// Output of commands: a table for users, JSON for programs.

export type Format = "table" | "json";
export const FORMATS: readonly Format[] = ["table", "json"];

/**
 * Text from elsewhere as a terminal may show it: what would move the cursor, change colours or the direction of reading, or be invisible is
 * written as its code, "\\u{1b}". Everything that the CLI shows goes through here, except output that is meant for another program.
 */
export const visible = (text: string): string => text.replace(INVISIBLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);

/** Control and format characters, line and paragraph separators, half surrogate pairs. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Columns padded to the widest cell, two spaces between them, as kubectl does. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(visible));
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

/** The same values for programs; JSON has escapes of its own for characters that a terminal must not get. */
export const json = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(INVISIBLE, (char) => (char === "\n" ? char : escapedUnits(char)))}\n`;

const escapedUnits = (char: string): string =>
  Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`).join("");
