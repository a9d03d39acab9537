import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatPasswordHash, HASH_BYTES, normalPassword, parsePasswordHash, passwordLength, SALT_BYTES } from "./password.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("password hashes", () => {
  test("what is written is read again", () => {
    fc.assert(
      fc.property(bytes(SALT_BYTES), bytes(HASH_BYTES), (salt, hash) => {
        expect(parsePasswordHash(formatPasswordHash({ salt, hash }))).toEqual({ salt, hash });
      }),
    );
  });

  const good = formatPasswordHash({ salt: new Uint8Array(SALT_BYTES).fill(1), hash: new Uint8Array(HASH_BYTES).fill(2) });
  test.each([
    ["nothing", ""],
    ["a plain password", "correct horse battery"],
    ["another algorithm", good.replace("scrypt", "bcrypt")],
    ["a lower cost, which would make checking faster than for an unknown user", good.replace("32768", "16384")],
    ["a huge cost, which would exhaust the memory", good.replace("32768", "1073741824")],
    ["a salt that is too short", formatPasswordHash({ salt: new Uint8Array(8), hash: new Uint8Array(HASH_BYTES) })],
    ["a hash that is too short", formatPasswordHash({ salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(8) })],
    ["a trailing part", `${good}$x`],
    ["a trailing newline", `${good}\n`],
    ["base64 with rubbish in it", good.replace("$AQ", "$ AQ")],
  ])("refuses %s", (_, text) => {
    expect(parsePasswordHash(text)).toBeUndefined();
  });

  test("an accented letter counts once and is the same however it was typed", () => {
    expect(passwordLength("e\u0301")).toBe(1);
    expect(normalPassword("e\u0301")).toBe(normalPassword("\u00e9"));
  });
});
