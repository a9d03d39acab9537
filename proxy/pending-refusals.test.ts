import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { PendingRefusals } from "./pending-refusals.ts";

test("whatever unauthenticated clients send and however little they read, no more than the budget is held, and the oldest goes first", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(64 * 1024), { minLength: 900, maxLength: 1200 }), fc.boolean(), (sizes, stubborn) => {
      const pending = new PendingRefusals();
      const ended: string[] = [];
      const over = sizes.map((size, i) => {
        const leave = pending.add(["x".repeat(size)], (what) => {
          ended.push(`${what} ${i}`);
          if (!stubborn) leave();
        });
        expect(pending.bytes).toBeLessThanOrEqual(pending.budgetBytes);
        return leave;
      });
      const exchanges = ended.filter((text) => text.startsWith("exchange"));
      expect(exchanges).toEqual(exchanges.map((_, i) => `exchange ${i}`));
      for (const leave of over) leave();
      expect([pending.count, pending.bytes]).toEqual([0, 0]);
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

test("a refusal that is taken costs nothing more, and is not ended", () => {
  const pending = new PendingRefusals();
  let ended = 0;
  for (let i = 0; i < 100_000; i++) {
    const leave = pending.add(["host", "x"], () => void ended++);
    leave();
    leave();
  }
  expect([pending.count, pending.bytes, ended]).toEqual([0, 0, 0]);
});
