// How commands show what they found: a table for people, JSON for programs.

export type Format = "table" | "json";
export const FORMATS: readonly Format[] = ["table", "json"];

/**
 * Other people's text as a terminal may show it: what would move the cursor, change colours or the direction of reading, or be invisible is
 * written as its code, "\\u{1b}". Everything that the CLI shows goes through here, but what it makes for another program to read.
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

/** The same values for whoever parses it; JSON has a spelling of its own for what a terminal must not get. */
export const json = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(INVISIBLE, (char) => (char === "\n" ? char : escapedUnits(char)))}\n`;

const escapedUnits = (char: string): string =>
  Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`).join("");
