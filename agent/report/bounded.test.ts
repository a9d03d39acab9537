import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { boundedAccess, MAX_ACCESS_BYTES } from "./bounded.ts";

const text = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "é", "漢", "\u{1f600}", '"', "\n"), maxLength });
const filled = (unit: string, length: number): string => unit.repeat(length);

test("a report stays below what the proxy takes, whatever the managed cluster says, and keeps the first of each list", () => {
  const named = fc.record({ set: text(100), epoch: fc.nat() });
  const refused = fc.record({ object: text(700), message: text(2_000) });
  const restored = fc.record({ object: text(400), epoch: fc.nat() });
  const skipped = fc.record({ template: text(63), message: text(2_000) });
  fc.assert(
    fc.property(
      fc.array(named, { maxLength: 300 }),
      fc.array(refused, { maxLength: 40 }),
      fc.array(restored, { maxLength: 80 }),
      fc.array(skipped, { maxLength: 40 }),
      (epochs, no, lost, not) => {
        const report = boundedAccess({ epochs, appliedAt: undefined, objects: 1, corrected: 0, refused: no, restored: lost, skipped: not });
        expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThanOrEqual(MAX_ACCESS_BYTES);
        expect(report.epochs?.[0]).toEqual(epochs[0]);
        expect(report.restored?.[0]?.epoch).toEqual(lost.length === 0 ? undefined : Math.max(...lost.map(({ epoch }) => epoch)));
        expect(report.refused?.length ?? 0).toBeGreaterThanOrEqual(Math.min(1, no.length));
      },
    ),
    { numRuns: 50 },
  );
});

test("the longest that the schema allows is cut, and still names what is refused", () => {
  const refused = Array.from({ length: 100 }, () => ({ object: filled("漢", 700), message: filled("漢", 2_000) }));
  const skipped = Array.from({ length: 100 }, () => ({ template: "t", message: filled("漢", 2_000) }));
  const epochs = Array.from({ length: 5_000 }, (_, i) => ({ set: `project-${i}`, epoch: 1_767_225_600_000 + i }));
  const report = boundedAccess({ epochs, appliedAt: "2026-01-01T00:00:00Z", objects: 1, corrected: 0, refused, restored: [], skipped });
  expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThanOrEqual(MAX_ACCESS_BYTES);
  expect(report.refused?.length).toBeGreaterThan(2);
  expect(report.skipped?.length).toBeGreaterThan(2);
  expect(report.epochs?.length).toBeGreaterThan(50);
});

test("a report of plain text is as long as the schema allows", () => {
  const many = <T>(one: T): T[] => Array.from({ length: 300 }, () => one);
  const report = boundedAccess({
    epochs: many({ set: filled("s", 70), epoch: 1_767_225_600_000 }),
    appliedAt: "2026-01-01T00:00:00Z",
    objects: 1,
    corrected: 0,
    refused: many({ object: filled("o", 300), message: filled("m", 512) }),
    restored: many({ object: filled("o", 90), epoch: 1_767_225_600_000 }),
    skipped: many({ template: "t", message: filled("m", 512) }),
  });
  expect([report.epochs?.length, report.refused?.length, report.restored?.length, report.skipped?.length]).toEqual([200, 20, 50, 20]);
});
