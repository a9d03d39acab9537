import { describe, expect, jest, test } from "@jest/globals";
import { hashPassword } from "../../lib/identity/scrypt.ts";
import { listOf } from "../../lib/server/addresses.ts";
import { sourceOf } from "../../lib/server/source.ts";
import { type LoginAttempt, PasswordQueue } from "./password-queue.ts";

const guest = (address: string, more: Partial<LoginAttempt> = {}): LoginAttempt => ({
  ...{ user: "alice", source: sourceOf(address, undefined, listOf(["10.0.0.1"])), known: false },
  ...more,
});
const salt = new Uint8Array(16).fill(3);

// Hashing is slow by intent, and slower on a busy machine.
jest.setTimeout(120_000);

describe("the password gate", () => {
  test("the right password matches, any other does not, and nothing matches for nobody", async () => {
    const gate = new PasswordQueue();
    const expected = await hashPassword("correct horse battery", salt);
    expect(await gate.matches("correct horse battery", expected, guest("a"))).toBe(true);
    expect(await gate.matches("correct horse batterY", expected, guest("a"))).toBe(false);
    expect(await gate.matches("correct horse battery", undefined, guest("a"))).toBe(false);
  });

  test("attack 33: an empty password is never a login, not even where its hash was stored", async () => {
    const expected = await hashPassword("", salt);
    expect(await new PasswordQueue().matches("", expected, guest("a"))).toBe(false);
  });

  test("one source cannot fill the line: its ninth check at once is refused, another source still gets its turn", async () => {
    const gate = new PasswordQueue();
    const flood = Array.from({ length: 9 }, () =>
      gate.matches("x", undefined, guest("flooder")).catch((error: { status: number }) => error.status),
    );
    const other = gate.matches("x", undefined, guest("other"));
    expect(await Promise.all(flood)).toEqual([...Array.from({ length: 8 }, () => false), 429]);
    expect(await other).toBe(false);
    expect(await gate.matches("x", undefined, guest("flooder"))).toBe(false);
  });

  test("attack: strangers from many addresses fill their half of the line only; whoever is known still gets a place, and their turn", async () => {
    const gate = new PasswordQueue();
    const code = (error: { code: string }) => error.code;
    const strangers = Array.from({ length: 100 }, (_, n) => gate.matches("x", undefined, guest(`192.0.2.${n}`)).catch(code));
    const known = Array.from({ length: 20 }, (_, n) => gate.matches("x", undefined, guest(`203.0.113.${n}`, { known: true })).catch(code));
    const all = await Promise.all([...strangers, ...known]);
    // Two are being checked, thirty-two wait.
    expect(all.slice(0, 100).filter((answer) => answer === "Busy")).toHaveLength(100 - 34);
    expect(all.slice(100)).toEqual(Array.from({ length: 20 }, () => false));
  });

  test("behind a balancer that names nobody, a flood for one user leaves places to the others", async () => {
    const gate = new PasswordQueue();
    const flood = Array.from({ length: 20 }, () =>
      gate.matches("x", undefined, guest("10.0.0.1")).catch((error: { status: number }) => error.status),
    );
    const other = gate.matches("x", undefined, guest("10.0.0.1", { user: "bob" }));
    expect((await Promise.all(flood)).filter((answer) => answer === 429)).toHaveLength(12);
    expect(await other).toBe(false);
  });
});
