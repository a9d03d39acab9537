import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Bounds,
  epochOf,
  type Lineage,
  lastEpoch,
  nextLineage,
  relationOf,
  SET_BOUNDS,
  TEMPLATE_BOUNDS,
  type Version,
} from "./lineage.ts";

const made = (content: object, previous: readonly string[] = [], after = 0, acknowledged?: number): Lineage =>
  nextLineage(content, { previous, after, acknowledged, bounds: SET_BOUNDS });
const version = (history: readonly string[], uid = "u", createdAt = "2026-06-01T00:00:00Z"): Version => ({ uid, createdAt, history });

/** The history after this many further contents. */
function following(count: number, from: readonly string[], o: { acknowledged?: number; bounds?: Bounds } = {}): readonly string[] {
  let history = from;
  for (let i = 0; i < count; i++) {
    history = nextLineage(
      { i, of: count },
      { previous: history, after: 0, acknowledged: o.acknowledged, bounds: o.bounds ?? SET_BOUNDS },
    ).history;
  }
  return history;
}

describe("the lineage of a content", () => {
  test("stays while the content stays, in whatever order its fields come and whatever the clock says", () => {
    const first = made({ a: 1, b: { c: 2, d: 3 } }, [], 100);
    expect(made({ b: { d: 3, c: 2 }, a: 1 }, first.history, 5000)).toEqual(first);
  });

  test("continues with a later epoch when the content changes, also when it changes back, and when the clock goes back", () => {
    const first = made({ a: 1 }, [], 100);
    const second = made({ a: 2 }, first.history, 50);
    const third = made({ a: 1 }, second.history, 50);
    expect([first, second, third].map(({ epoch }) => epoch)).toEqual([100, 101, 102]);
    expect(third.history).toEqual([...second.history, third.history.at(-1)]);
  });

  test("distinguishes two contents with the same epoch, as when a clock stood still on a restored hub", () => {
    const backup = made({ a: 1 }, [], 100);
    const [one, other] = [made({ a: 2 }, backup.history), made({ a: 3 }, backup.history)];
    expect(one.epoch).toBe(other.epoch);
    expect(relationOf(version(other.history), version(one.history))).toBe("other");
    const later = made({ a: 4 }, other.history);
    expect(relationOf(version(later.history), version(one.history))).toBe("other");
  });

  test("drops names older than the acknowledged one", () => {
    const history = following(5, []);
    const next = made({}, history, 0, epochOf(history[2] ?? ""));
    expect(next.history).toEqual([...history.slice(2), next.history.at(-1)]);
  });

  test("is bounded, and keeps the names that a disconnected agent may have", () => {
    const start = following(3, []);
    const long = following(1000, start, { acknowledged: lastEpoch({ history: start }) });
    expect(long).toHaveLength(SET_BOUNDS.size);
    expect(long[0]).toBe(start[2]);
    const unanswered = following(30, start, { acknowledged: lastEpoch({ history: start }) });
    for (const name of unanswered.slice(0, 30)) {
      const known = version(unanswered.slice(0, unanswered.indexOf(name) + 1));
      expect(relationOf(version(following(970, unanswered, { acknowledged: epochOf(unanswered[0] ?? "") })), known)).toBe("later");
    }
    expect(following(1100, [], { bounds: TEMPLATE_BOUNDS })).toHaveLength(1000);
  });
});

describe("the relation of a content to the reader's", () => {
  const base = following(3, []);
  const [mine, theirs] = [made({ a: "mine" }, base).history, made({ a: "theirs" }, base).history];
  test.each<[string, Version, Version, string]>([
    ["the same", version(base), version(base), "same"],
    ["made from it", version(mine), version(base), "later"],
    ["made from it, names in between forgotten", version(mine.slice(-1)), version(base), "later"],
    ["what it was made from", version(base), version(mine), "earlier"],
    ["of another line", version(theirs), version(mine), "other"],
    ["not there yet", version([]), version(base), "earlier"],
    ["the first", version(base), version([]), "later"],
    ["another object, made later", version(["5-00000000"], "v", "2026-06-01T00:00:01Z"), version(base), "new"],
    ["another object, made earlier, and older", version(["1-00000000"], "v", "2026-05-01T00:00:00Z"), version(["9-00000000"]), "earlier"],
    [
      "another object, made earlier, and changed since",
      version(["9-00000000"], "v", "2026-05-01T00:00:00Z"),
      version(["5-00000000"]),
      "other",
    ],
    ["another object of the same second", version(["9-00000000"], "v"), version(["5-00000000"]), "new"],
  ])("%s", (_, now, known, relation) => {
    expect(relationOf(now, known)).toBe(relation);
  });

  test("in one lineage the order is right, however long the lineage and whatever the clock", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.nat(3)), { minLength: 2, maxLength: 60 }), fc.nat(), fc.nat(), (steps, i, j) => {
        const line: (readonly string[])[] = [];
        for (const [clock, content] of steps) {
          const next = made({ content }, line.at(-1), clock).history;
          if (next !== line.at(-1)) line.push(next);
        }
        const [a, b] = [i % line.length, j % line.length];
        const expected = a === b ? "same" : a < b ? "earlier" : "later";
        expect(relationOf(version(line[a] ?? []), version(line[b] ?? []))).toBe(expected);
      }),
    );
  });
});
