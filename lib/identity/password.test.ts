import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  formatPasswordHash,
  HASH_BYTES,
  MAX_PASSWORD_LENGTH,
  type PasswordHash,
  parsePasswordHash,
  passwordLength,
  passwordText,
  SALT_BYTES,
} from "./password.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("password hashes", () => {
  test("what is written is a PHC string, and is read again", () => {
    fc.assert(
      fc.property(bytes(SALT_BYTES), bytes(HASH_BYTES), (salt, hash) => {
        const text = formatPasswordHash({ salt, hash });
        expect(text).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
        expect(parsePasswordHash(text)).toEqual({ salt, hash });
      }),
    );
  });

  test("a hash in the form of before is the same hash", () => {
    fc.assert(
      fc.property(bytes(SALT_BYTES), bytes(HASH_BYTES), (salt, hash) => {
        expect(parsePasswordHash(beforePHC({ salt, hash }))).toEqual({ salt, hash });
      }),
    );
  });

  const beforePHC = ({ salt, hash }: PasswordHash): string =>
    `scrypt$32768$8$3$${Buffer.from(salt).toString("base64")}$${Buffer.from(hash).toString("base64")}`;

  const pair = { salt: new Uint8Array(SALT_BYTES).fill(1), hash: new Uint8Array(HASH_BYTES).fill(2) };
  const [good, old] = [formatPasswordHash(pair), beforePHC(pair)];
  test.each([
    ["nothing", ""],
    ["a plain password", "correct horse battery"],
    ["another algorithm", good.replace("scrypt", "bcrypt")],
    ["a lower cost, which would make checking faster than for an unknown user", good.replace("ln=15", "ln=14")],
    ["the same in the form of before", old.replace("32768", "16384")],
    ["a huge cost, which would exhaust the memory", good.replace("ln=15", "ln=30")],
    ["the same in the form of before", old.replace("32768", "1073741824")],
    ["parameters in another order", good.replace("ln=15,r=8", "r=8,ln=15")],
    ["base64 with padding in a PHC string", old.replace("scrypt$32768$8$3", "$scrypt$ln=15,r=8,p=3")],
    ["base64 without padding in the form of before", old.replaceAll("=", "")],
    ["a salt that is too short", formatPasswordHash({ salt: new Uint8Array(8), hash: new Uint8Array(HASH_BYTES) })],
    ["a hash that is too short", formatPasswordHash({ salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(8) })],
    ["a trailing part", `${good}$x`],
    ["two line breaks at the end", `${good}\n\n`],
    ["a line break in it", `${good.slice(0, 20)}\n${good.slice(20)}`],
    ["base64 with rubbish in it", good.replace("$AQ", "$ AQ")],
  ])("refuses %s", (_, text) => {
    expect(parsePasswordHash(text)).toBeUndefined();
  });

  test("the line break with which a file ends is none of the hash", () => {
    expect(parsePasswordHash(`${good}\n`)).toEqual(parsePasswordHash(good));
    expect(parsePasswordHash(`${good}\r\n`)).toEqual(parsePasswordHash(good));
  });
});

describe("what the text of a password is", () => {
  const bytes = (...codes: number[]): Uint8Array => new Uint8Array(codes);
  test.each<[string, string | Uint8Array, string | undefined]>([
    ["as it is", "correct horse", "correct horse"],
    ["with the newline of echo or an editor", "correct horse\n", "correct horse"],
    ["with the line break of Windows", "correct horse\r\n", "correct horse"],
    ["with two newlines", "correct horse\n\n", undefined],
    ["with a newline inside", "correct\nhorse", undefined],
    ["with a carriage return at the end", "correct horse\r", undefined],
    ["with a byte order mark", "\uFEFFcorrect horse", "correct horse"],
    ["with spaces at both ends, which somebody may have meant", " correct horse ", " correct horse "],
    ["with a space that a Mac types with the option key", "correct\u00A0horse", "correct horse"],
    ["with an accent typed by itself", "caf\u0065\u0301", "caf\u00e9"],
    ["with a tab", "correct\thorse", undefined],
    ["with NUL", "correct\0horse", undefined],
    ["with an escape", "correct\u001b[2Jhorse", undefined],
    ["with a control character of Latin-1", "correct\u0085horse", undefined],
    ["with a separator of lines", "correct\u2028horse", undefined],
    ["with half a character", "correct\ud83d", undefined],
    ["with an emoji of several parts", "👩‍👩‍👧 correct", "👩‍👩‍👧 correct"],
    ["in UTF-8", bytes(0xc3, 0xa9, 0x0a), "é"],
    ["in Latin-1", bytes(0xe9, 0x0a), undefined],
    ["in UTF-16", bytes(0xff, 0xfe, 0x61, 0x00), undefined],
    ["as long as allowed", "x".repeat(MAX_PASSWORD_LENGTH), "x".repeat(MAX_PASSWORD_LENGTH)],
    ["longer than allowed", "x".repeat(MAX_PASSWORD_LENGTH + 1), undefined],
    ["empty", "", ""],
    ["a newline only", "\n", ""],
  ])("%s", (_, written, wanted) => {
    expect(passwordText(written)).toBe(wanted);
    if (typeof written === "string" && written.isWellFormed()) expect(passwordText(Buffer.from(written))).toBe(wanted);
  });

  test("reading it again changes nothing, so that it does not matter how many read it on the way", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (written) => {
        const text = passwordText(written);
        if (text !== undefined) expect(passwordText(text)).toBe(text);
      }),
    );
  });

  test("an accented letter counts once", () => {
    expect(passwordLength(passwordText("e\u0301") ?? "")).toBe(1);
  });
});
