import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  CONFIRM_MS,
  type Enforcement,
  elapsed,
  type GuardStatus,
  NOT_OBSERVED,
  observed,
  probeDue,
  probed,
  REPROBE_MS,
  RETRY_MS,
  TRUST_MS,
} from "./enforcement.ts";

type State = GuardStatus["state"];
type Step =
  | readonly [at: number, what: "policies", version: string, ...faults: string[]]
  | readonly [at: number, what: "probe", found: State]
  | readonly [at: number, what: "time"];

const MESSAGE: Record<State, string> = { Enforced: "refused", Missing: "let through", Unknown: "no answer" };

/** Probes take no time here, and see the policies that there are. */
function take(now: Enforcement, [at, what, arg, ...faults]: Step): Enforcement {
  if (what === "policies") return observed(now, { version: arg as string, faults });
  if (what === "time") return elapsed(now, at);
  const state = arg as State;
  return probed(now, { found: { state, message: MESSAGE[state] }, changes: now.changes, begunAt: at, endedAt: at });
}
const stateAfter = (...steps: Step[]): Enforcement => steps.reduce(take, NOT_OBSERVED);

const LISTED: Step = [0, "policies", "v1"];
/** In force since 400. */
const IN_FORCE: readonly Step[] = [LISTED, [100, "probe", "Enforced"], [400, "probe", "Enforced"]];

describe("guards are in force once two probes some time apart were refused, and until something speaks against it", () => {
  test.each<[string, readonly Step[], State, string]>([
    ["nothing is known before the policies are listed", [[500, "time"]], "Unknown", "not listed yet"],
    [
      "a probe before they are listed says nothing",
      [
        [0, "probe", "Enforced"],
        [999, "probe", "Enforced"],
      ],
      "Unknown",
      "not listed yet",
    ],
    ["policies that are as written are not yet in force", [LISTED], "Unknown", "not tried yet"],
    ["one refusal is not enough", [LISTED, [100, "probe", "Enforced"]], "Unknown", "not tried yet"],
    ["two refusals too close are one", [LISTED, [100, "probe", "Enforced"], [399, "probe", "Enforced"]], "Unknown", "not tried yet"],
    ["two refusals are enough", IN_FORCE, "Enforced", "refused"],
    [
      "what was let through in between starts it over",
      [LISTED, [100, "probe", "Enforced"], [200, "probe", "Missing"], [400, "probe", "Enforced"]],
      "Missing",
      "let through",
    ],
    [
      "what could not be tried in between as well",
      [LISTED, [100, "probe", "Enforced"], [200, "probe", "Unknown"], [400, "probe", "Enforced"]],
      "Unknown",
      "no answer",
    ],
    ["a probe that is let through ends it", [...IN_FORCE, [500, "probe", "Missing"]], "Missing", "let through"],
    ["a missing policy ends it", [...IN_FORCE, [500, "policies", "v2", "p does not exist"]], "Missing", "p does not exist"],
    ["every fault is named", [[0, "policies", "v1", "p does not exist", "q was changed"]], "Missing", "p does not exist; q was changed"],
    ["a change that leaves them as written ends it as well", [...IN_FORCE, [500, "policies", "v2"]], "Unknown", "not tried yet"],
    ["the same policies again do not", [...IN_FORCE, [500, "policies", "v1"]], "Enforced", "refused"],
    [
      "after a change two refusals are needed again",
      [...IN_FORCE, [500, "policies", "v2"], [900, "probe", "Enforced"]],
      "Unknown",
      "not tried yet",
    ],
    [
      "and are enough",
      [...IN_FORCE, [500, "policies", "v2"], [900, "probe", "Enforced"], [1200, "probe", "Enforced"]],
      "Enforced",
      "refused",
    ],
    [
      "refusals while a policy is missing do not count",
      [
        [0, "policies", "v1", "p does not exist"],
        [100, "probe", "Enforced"],
        [900, "probe", "Enforced"],
      ],
      "Missing",
      "p does not exist",
    ],
    ["a probe that cannot be made is no reason to end it", [...IN_FORCE, [500, "probe", "Unknown"]], "Enforced", "refused"],
    ["until the last refusal is too old", [...IN_FORCE, [400 + TRUST_MS, "probe", "Unknown"]], "Unknown", "no answer"],
    [
      "also when no probe ends at all",
      [...IN_FORCE, [400 + TRUST_MS, "time"]],
      "Unknown",
      "no probe of the admission policies has been answered for 90 s",
    ],
    ["but not before", [...IN_FORCE, [399 + TRUST_MS, "time"]], "Enforced", "refused"],
    [
      "once the trust is used up two refusals are needed",
      [...IN_FORCE, [400 + TRUST_MS, "time"], [500 + TRUST_MS, "probe", "Enforced"]],
      "Unknown",
      "no probe",
    ],
  ])("%s", (_, steps, state, message) => {
    const { status } = stateAfter(...steps);
    expect(status.state).toBe(state);
    expect(status.message).toContain(message);
  });

  test("a probe that began before a change says nothing, whatever it found", () => {
    const before = stateAfter(...IN_FORCE);
    const changed = observed(before, { version: "v2", faults: [] });
    for (const state of ["Enforced", "Missing", "Unknown"] as const) {
      const late = { found: { state, message: "" }, changes: before.changes, begunAt: 450, endedAt: 900 };
      expect(probed(changed, late)).toBe(changed);
    }
  });

  test("a second probe counts from when it began, not from when it ended", () => {
    const once = stateAfter(LISTED, [100, "probe", "Enforced"]);
    const found: GuardStatus = { state: "Enforced", message: "refused" };
    expect(probed(once, { found, changes: once.changes, begunAt: 150, endedAt: 900 }).status.state).toBe("Unknown");
  });
});

describe("when a probe is due", () => {
  test.each<[string, readonly Step[], number | undefined]>([
    ["never before the policies are listed", [], undefined],
    ["never while one is missing: only a change of the policies can help", [[0, "policies", "v1", "p does not exist"]], undefined],
    ["at once when they are listed", [LISTED], 0],
    ["at once after a change", [...IN_FORCE, [500, "policies", "v2"]], 0],
    ["when a first refusal can be confirmed", [LISTED, [100, "probe", "Enforced"]], 100 + CONFIRM_MS],
    ["soon after one was let through", [LISTED, [100, "probe", "Missing"]], 100 + RETRY_MS],
    ["soon after one could not be made", [LISTED, [100, "probe", "Unknown"]], 100 + RETRY_MS],
    ["now and then while they are in force", IN_FORCE, 400 + REPROBE_MS],
    ["sooner when the last could not be made", [...IN_FORCE, [500, "probe", "Unknown"]], 500 + 3_000],
  ])("%s", (_, steps, due) => {
    expect(probeDue(stateAfter(...steps))).toBe(due);
  });
});

describe("over random histories", () => {
  const state = fc.constantFrom<State>("Enforced", "Enforced", "Enforced", "Enforced", "Enforced", "Missing", "Unknown");
  const step = fc.record({
    afterMs: fc.oneof({ weight: 3, arbitrary: fc.nat(CONFIRM_MS * 2) }, { weight: 1, arbitrary: fc.nat(TRUST_MS) }),
    event: fc.oneof(
      { weight: 8, arbitrary: fc.record({ what: fc.constant("probe" as const), state, tookMs: fc.nat(400) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant("policies" as const), fault: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant({ what: "time" as const }) },
    ),
  });

  test("they are in force only by two refusals since the last change, CONFIRM_MS apart, the last one recent, and nothing let through", () => {
    let enforced = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = observed(NOT_OBSERVED, { version: "v0", faults: [] });
        let [at, versions, intact] = [0, 1, true];
        /** Probes since the last change and since anything was let through. */
        let refusals: { begunAt: number; endedAt: number }[] = [];
        for (const { afterMs, event } of steps) {
          at += afterMs;
          if (event.what === "policies") {
            intact = !event.fault;
            refusals = [];
            now = observed(now, { version: `v${versions++}`, faults: event.fault ? ["a fault"] : [] });
          } else if (event.what === "probe") {
            const begunAt = at;
            at += event.tookMs;
            now = probed(now, { found: { state: event.state, message: "" }, changes: now.changes, begunAt, endedAt: at });
            if (event.state === "Enforced") refusals.push({ begunAt, endedAt: at });
            if (event.state === "Missing") refusals = [];
          }
          now = elapsed(now, at);
          if (now.status.state !== "Enforced") continue;
          enforced++;
          const [first, last] = [refusals[0], refusals.at(-1)];
          expect(intact).toBe(true);
          expect((last?.begunAt ?? 0) - (first?.endedAt ?? 0)).toBeGreaterThanOrEqual(CONFIRM_MS);
          expect(at - (last?.endedAt ?? 0)).toBeLessThan(TRUST_MS);
        }
      }),
      { numRuns: 300 },
    );
    expect(enforced).toBeGreaterThan(100);
  });

  test("guards that refuse everything are in force after two probes, when these are made as soon as they are due", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(1000), (steps, tookMs) => {
        let [now, at] = [NOT_OBSERVED, 0];
        for (const { afterMs, event } of steps) {
          at += afterMs;
          if (event.what === "policies") now = observed(now, { version: `v${at}`, faults: event.fault ? ["a fault"] : [] });
          else if (event.what === "time") now = elapsed(now, at);
          else now = take(now, [at, "probe", event.state]);
        }
        now = observed(now, { version: "last", faults: [] });
        for (let probes = 0; probes < 2; probes++) {
          at = Math.max(at, probeDue(now) ?? Number.NaN);
          const [begunAt, endedAt] = [at, at + tookMs];
          now = probed(now, { found: { state: "Enforced", message: "" }, changes: now.changes, begunAt, endedAt });
          at = endedAt;
        }
        expect(now.status.state).toBe("Enforced");
      }),
    );
  });
});
