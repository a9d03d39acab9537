import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { json, table, visible } from "./output.ts";

/** What a terminal acts on, or does not show. */
const ACTS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const attacks: readonly (readonly [string, string, string])[] = [
  ["sets the title and colours", "\x1b]0;OWNED\x07\x1b[31mEVIL", "\\u{1b}]0;OWNED\\u{7}\\u{1b}[31mEVIL"],
  ["the one-byte form of an escape", "\u009b31mEVIL", "\\u{9b}31mEVIL"],
  ["goes back to the line's beginning", "east\rwest", "east\\u{d}west"],
  ["adds a line of its own", "x\ndrover: done", "x\\u{a}drover: done"],
  ["reads backwards", "\u202etxt.exe\u2066", "\\u{202e}txt.exe\\u{2066}"],
  ["hides between letters", "ea\u200bst\ufeff", "ea\\u{200b}st\\u{feff}"],
  ["hides as a tag", "a\u{e0041}", "a\\u{e0041}"],
];

test.each(attacks)("what an agent or a server says does nothing in a terminal: %s", (_what, text, shown) => {
  expect(visible(text)).toBe(shown);
  expect(table(["NAME"], [[text]])).toBe(`NAME\n${shown}\n`);
});

test("letters of any language, and what users see, stay", () => {
  for (const text of ["Zürich", "東京", "إسكندرية", "v1.30.3-gke.1969001", "a b", "naïve 🙂"]) expect(visible(text)).toBe(text);
});

test("columns are as wide as what is shown", () => {
  expect(table(["A", "B"], [["\x1b", "x"]])).toBe("A        B\n\\u{1b}   x\n");
});

test("whatever the text, nothing that acts gets to a terminal, and JSON still says the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(visible(text)).not.toMatch(ACTS);
      expect(JSON.parse(json({ text }))).toEqual({ text });
      expect(json({ text }).replaceAll("\n", "")).not.toMatch(ACTS);
    }),
    { numRuns: 300 },
  );
});
