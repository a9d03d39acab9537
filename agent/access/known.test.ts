import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { lastEpoch } from "../../lib/access/lineage.ts";
import { advance, isTeardown, type Known, NOTHING, type SeenSet, type SeenTemplate } from "./known.ts";

const bind = (template: string, user = "alice") => ({ template, subjects: [{ kind: "User" as const, name: `drover:user:${user}` }] });
const AT = "2026-06-01T00:00:00Z";
/** One line: each epoch was made from all before it. */
const version = (epoch: number) => ({
  uid: "uid",
  createdAt: AT,
  history: Array.from({ length: epoch + 1 }, (_, i) => `${i}-00000000`),
});
const index = (epoch: number, sets: string[], teardown = false, bindings = [bind("view")]): SeenSet => ({
  name: "cluster",
  scope: "Cluster",
  part: 1,
  ...version(epoch),
  bindings,
  index: { sets, teardown },
});
const project = (name: string, epoch: number, template = "reader"): SeenSet => ({
  name: `project-${name}`,
  scope: "Project",
  project: { name, uid: `uid-${name}` },
  part: 1,
  ...version(epoch),
  bindings: [bind(template)],
});
const template = (name: string, epoch = 1, uid = `uid-${name}`): SeenTemplate => ({
  name,
  context: "Project",
  accepted: true,
  rules: [],
  capabilities: [],
  ...version(epoch),
  uid,
});
const names = (known: Known) => Object.keys(known.sets);
const start = (): Known =>
  advance(NOTHING, [index(10, ["cluster", "project-web"]), project("web", 10)], [template("view"), template("reader"), template("other")])
    .known;

describe("advance", () => {
  test("takes over the sets that the index lists, and the templates that they name", () => {
    const known = start();
    expect(names(known)).toEqual(["cluster", "project-web"]);
    expect(Object.keys(known.templates)).toEqual(["reader", "view"]);
  });

  test("ignores a set that the index does not list", () => {
    expect(names(advance(NOTHING, [index(10, ["cluster"]), project("web", 10)], []).known)).toEqual(["cluster"]);
  });

  test("drops a set only when the index no longer lists it", () => {
    const { known } = advance(start(), [index(11, ["cluster"]), project("web", 10)], []);
    expect(names(known)).toEqual(["cluster"]);
  });

  test("keeps a listed set that is missing, and everything when all sets are missing", () => {
    expect(advance(start(), [index(11, ["cluster", "project-web"])], []).known.sets["project-web"]).toEqual(project("web", 10));
    const empty = advance(start(), [], []);
    expect(empty.known).toEqual(start());
    expect(empty.problems).toContain("AccessSet cluster, the index, is missing on the hub: everything is kept as it was");
  });

  test("does not follow a set, nor the index, back to an earlier epoch", () => {
    const back = advance(start(), [index(9, ["cluster", "project-old"]), project("web", 8, "evil"), project("old", 8)], []);
    expect(back.known.sets).toEqual(start().sets);
    expect(back.restored).toEqual(["AccessSet cluster", "AccessSet project-web"]);
  });

  test("keeps templates that vanish while a set names them, and drops them when none does", () => {
    expect(Object.keys(advance(start(), [index(10, ["cluster", "project-web"]), project("web", 10)], []).known.templates)).toEqual([
      "reader",
      "view",
    ]);
    expect(Object.keys(advance(start(), [index(11, ["cluster"], false, [])], []).known.templates)).toEqual([]);
  });

  test("does not follow a template back, but takes one that was made anew", () => {
    const sets = [index(10, ["cluster", "project-web"]), project("web", 10)];
    const known = advance(start(), sets, [template("reader", 5)]).known;
    const back = advance(known, sets, [template("reader", 4)]);
    expect(back.known.templates.reader).toEqual(template("reader", 5));
    expect(back.restored).toEqual(["ClusterRoleTemplate reader"]);
    const anew = { ...template("reader", 1, "another"), createdAt: "2026-06-02T00:00:00Z" };
    expect(advance(known, sets, [anew]).known.templates.reader?.uid).toBe("another");
  });

  test("sees the order to tear down, and not one from the past", () => {
    expect(isTeardown(advance(start(), [index(11, [], true)], []).known)).toBe(true);
    expect(isTeardown(advance(start(), [index(9, [], true)], []).known)).toBe(false);
    expect(isTeardown(NOTHING)).toBe(false);
  });

  test("over random histories: no epoch goes back, and whatever is missing on the hub takes nothing away", () => {
    const word = fc.constantFrom("a", "b", "c");
    const look = fc.record({
      index: fc.option(fc.tuple(fc.nat(9), fc.subarray(["project-a", "project-b", "project-c"]))),
      sets: fc.uniqueArray(fc.tuple(word, fc.nat(9)), { selector: ([name]) => name }),
      templates: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 8 }), (looks) => {
        let known = NOTHING;
        for (const { index: seen, sets, templates } of looks) {
          const all = [...(seen ? [index(seen[0], seen[1])] : []), ...sets.map(([name, epoch]) => project(name, epoch))];
          const next = advance(known, all, templates ? [template("view"), template("reader")] : []).known;
          for (const [name, set] of Object.entries(known.sets)) {
            const now = next.sets[name];
            if (now) expect(lastEpoch(now)).toBeGreaterThanOrEqual(lastEpoch(set));
            else expect(next.sets.cluster?.index?.sets).not.toContain(name);
          }
          expect(next).toEqual(JSON.parse(JSON.stringify(next)));
          known = next;
        }
      }),
    );
  });
});
