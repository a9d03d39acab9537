import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Observed, plan, type Written } from "./plan.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const status = (open: number, healthy = true, probedAt = "a"): Observed["status"] => ({
  agentVersion: "1.0.0",
  healthy,
  guards: { state: "Enforced", message: "", probedAt },
  streams: { open, ended: 0 },
});
const at = (ms: number, what: Observed["status"], last?: Written) =>
  plan({ namespace: "cluster-east", status: what, last }, new Date(START + ms));
const first = at(0, status(1)).status as Written;

test.each<[string, number, Observed["status"], boolean, number]>([
  ["nothing changed", 60_000, status(1), false, 10_000],
  ["something changed a moment after the last report", 500, status(1, false), false, 1_500],
  ["something changed since", 2_000, status(1, false), true, 10_000],
  ["the number of streams changed a moment ago", 10_000, status(2), false, 10_000],
  ["the number of streams changed, and the last report is old", 30_000, status(2), true, 10_000],
  ["the guards were probed once more, and the last report is old", 30_000, status(1, true, "b"), true, 10_000],
  ["the clock was set back, and something changed", -60_000, status(1, false), true, 10_000],
])("when %s", (_, ms, what, isWritten, requeueMs) => {
  const made = at(ms, what, first);
  expect([made.patches?.length ?? 0, made.requeueAfter?.ms]).toEqual([isWritten ? 1 : 0, requeueMs]);
});

test("the first report is written at once, as a merge patch of the status only", () => {
  expect(at(0, status(1)).patches).toMatchObject([
    {
      object: { apiVersion: "drover.dev/v1alpha1", kind: "ClusterReport", namespace: "cluster-east", name: "agent" },
      patch: { status: status(1) },
      subresource: "status",
    },
  ]);
});

test("whatever changes when: reports are two seconds apart, and the last state is reported in the end", () => {
  const changes = fc.array(fc.tuple(fc.nat(5_000), fc.boolean(), fc.nat(3)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(changes, (steps) => {
      let [now, last] = [0, undefined as Written | undefined];
      let what = status(0);
      const written: number[] = [];
      const pass = (): number => {
        const made = at(now, what, last);
        if (made.patches !== undefined) {
          written.push(now);
          last = made.status;
        }
        return made.requeueAfter?.ms ?? Number.POSITIVE_INFINITY;
      };
      for (const [waitMs, healthy, open] of steps) {
        now += waitMs;
        what = status(open, healthy);
        pass();
      }
      for (const end = now + 60_000; now < end; ) now += pass();
      expect(JSON.parse(last?.all ?? "{}")).toMatchObject(what);
      for (const [i, time] of written.entries()) if (i > 0) expect(time - (written[i - 1] ?? 0)).toBeGreaterThanOrEqual(2_000);
    }),
  );
});
