import { describe, expect, jest, test } from "@jest/globals";
import { hashPassword } from "../lib/identity/scrypt.ts";
import { PasswordGate } from "./password-gate.ts";

const salt = new Uint8Array(16).fill(3);

// Hashing is slow by intent, and slower on a busy machine.
jest.setTimeout(120_000);

describe("the password gate", () => {
  test("the right password matches, any other does not, and nothing matches for nobody", async () => {
    const gate = new PasswordGate();
    const expected = await hashPassword("correct horse battery", salt);
    expect(await gate.matches("correct horse battery", expected, "a")).toBe(true);
    expect(await gate.matches("correct horse batterY", expected, "a")).toBe(false);
    expect(await gate.matches("correct horse battery", undefined, "a")).toBe(false);
  });

  test("attack 33: an empty password is never a login, not even where its hash was stored", async () => {
    const expected = await hashPassword("", salt);
    expect(await new PasswordGate().matches("", expected, "a")).toBe(false);
  });

  test("one source cannot fill the line: its ninth check at once is refused, another source still gets its turn", async () => {
    const gate = new PasswordGate();
    const flood = Array.from({ length: 9 }, () =>
      gate.matches("x", undefined, "flooder").catch((error: { status: number }) => error.status),
    );
    const other = gate.matches("x", undefined, "other");
    expect(await Promise.all(flood)).toEqual([...Array.from({ length: 8 }, () => false), 429]);
    expect(await other).toBe(false);
    expect(await gate.matches("x", undefined, "flooder")).toBe(false);
  });
});
