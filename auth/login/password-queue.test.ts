import { describe, expect, jest, test } from "@jest/globals";
import { hashPassword } from "../../lib/identity/scrypt.ts";
import { listOf } from "../../lib/server/addresses.ts";
import { sourceOf } from "../../lib/server/source.ts";
import { type LoginAttempt, PasswordQueue } from "./password-queue.ts";

const attempt = (address: string, more: Partial<LoginAttempt> = {}): LoginAttempt => ({
  ...{ user: "alice", source: sourceOf(address, undefined, listOf(["10.0.0.1"])), proven: false },
  ...more,
});
const salt = new Uint8Array(16).fill(3);

// Hashing is slow by intent, and slower on a busy machine.
jest.setTimeout(120_000);

describe("the password queue", () => {
  test("the right password matches, any other does not, and nothing matches for nobody", async () => {
    const queue = new PasswordQueue();
    const expected = await hashPassword("correct horse battery", salt);
    expect(await queue.matches("correct horse battery", expected, attempt("a"))).toBe(true);
    expect(await queue.matches("correct horse batterY", expected, attempt("a"))).toBe(false);
    expect(await queue.matches("correct horse battery", undefined, attempt("a"))).toBe(false);
  });

  test("an empty password is never a login, not even where its hash was stored", async () => {
    const expected = await hashPassword("", salt);
    expect(await new PasswordQueue().matches("", expected, attempt("a"))).toBe(false);
  });

  test("one source cannot fill the queue: its ninth check at once is refused, another source still gets its turn", async () => {
    const queue = new PasswordQueue();
    const flood = Array.from({ length: 9 }, () =>
      queue.matches("x", undefined, attempt("flooder")).catch((error: { status: number }) => error.status),
    );
    const other = queue.matches("x", undefined, attempt("other"));
    expect(await Promise.all(flood)).toEqual([...Array.from({ length: 8 }, () => false), 429]);
    expect(await other).toBe(false);
    expect(await queue.matches("x", undefined, attempt("flooder"))).toBe(false);
  });

  test("a flood from many addresses fills its half of the queue only; proven sources still get a place, and their turn", async () => {
    const queue = new PasswordQueue();
    const code = (error: { code: string }) => error.code;
    const flood = Array.from({ length: 100 }, (_, n) => queue.matches("x", undefined, attempt(`192.0.2.${n}`)).catch(code));
    const proven = Array.from({ length: 20 }, (_, n) =>
      queue.matches("x", undefined, attempt(`203.0.113.${n}`, { proven: true })).catch(code),
    );
    const all = await Promise.all([...flood, ...proven]);
    // Two are being checked, thirty-two wait.
    expect(all.slice(0, 100).filter((answer) => answer === "Busy")).toHaveLength(100 - 34);
    expect(all.slice(100)).toEqual(Array.from({ length: 20 }, () => false));
  });

  test("behind a load balancer that names no client, a flood for one user leaves places to the others", async () => {
    const queue = new PasswordQueue();
    const flood = Array.from({ length: 20 }, () =>
      queue.matches("x", undefined, attempt("10.0.0.1")).catch((error: { status: number }) => error.status),
    );
    const other = queue.matches("x", undefined, attempt("10.0.0.1", { user: "bob" }));
    expect((await Promise.all(flood)).filter((answer) => answer === 429)).toHaveLength(12);
    expect(await other).toBe(false);
  });
});
