import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatToken, isToken, TOKEN_BYTES, tokenHash, tokenObjectName } from "./token.ts";

describe("tokens", () => {
  test("any 32 random bytes make a token whose object is named after its hash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES }), (random) => {
        const token = formatToken(random);
        expect(isToken(token)).toBe(true);
        expect(token).toHaveLength(47);
        expect(tokenHash(token)).toMatch(/^[0-9a-f]{64}$/);
        expect(tokenHash(token).startsWith(tokenObjectName(tokenHash(token)).slice(2))).toBe(true);
      }),
    );
  });

  const token = formatToken(new Uint8Array(TOKEN_BYTES));
  test.each([
    ["", "nothing"],
    [`${token}x`, "a trailing byte"],
    [`${token}\n`, "a trailing newline"],
    [` ${token}`, "a leading space"],
    [token.slice(0, -1), "a missing byte"],
    [token.replace("drv_", "DRV_"), "another prefix"],
    [token.replace("A", "+"), "a letter of the other base64"],
  ])("%j is no token: %s", (text) => {
    expect(isToken(text)).toBe(false);
  });
});
