// Over any story of changes, backups and restores, and whatever an agent sees of it: what was withdrawn stays withdrawn until somebody accepts the
// restore, and without a restore nothing is ever held back.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { projectSet } from "../../lib/access/names.ts";
import { Agent, Hub, lineOf, type Moment, PROJECTS, said, TEMPLATE, VERBS } from "../../test/agent/restored-hub.ts";

/** Whether a state of the hub comes after another in one line, or after something that makes up for it not being so. */
function mayFollow(now: Moment | undefined, lost: Lost): boolean {
  if (lost.moment === undefined) return true;
  for (let at = now; at !== undefined; at = at.parent) if (at === lost.moment || (at.trusted ?? 0) > lost.step) return true;
  return false;
}

interface Lost {
  readonly moment: Moment | undefined;
  readonly step: number;
}

const RIGHTS = [
  ...["a", "b"].flatMap((project) => ["alice", "bob", "carol"].map((user) => `${project}/${user}`)),
  ...VERBS.map((one) => `template/${one}`),
];

const grant = fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom("alice", "bob", "carol")).map((pair) => pair.join("/"));
const verb = fc.constantFrom(...VERBS);
type Act = (hub: Hub, agent: Agent) => void;
const named = (name: string, act: Act): Act => Object.assign(act, { toString: () => name, [fc.toStringMethod]: () => name });

const toggled = <T>(list: Iterable<T>, one: T): T[] => {
  const set = new Set(list);
  if (!set.delete(one)) set.add(one);
  return [...set];
};
const changes: fc.Arbitrary<Act> = fc.oneof(
  grant.map((one) => named(`toggle ${one}`, (hub) => hub.change({ grants: new Set(toggled(hub.state.grants, one)) }))),
  verb.map((one) => named(`toggle ${one}`, (hub) => hub.change({ verbs: toggled(hub.state.verbs, one) }))),
  fc.constantFrom("a", "b").map((name) =>
    named(`project ${name} anew`, (hub) => {
      const { [name]: _, ...others } = hub.state.projects;
      hub.change({ projects: others, grants: new Set([...hub.state.grants].filter((one) => lineOf(one) !== name)) });
      hub.change({ projects: { ...others, [name]: `uid-${hub.step}` } }, [name]);
    }),
  ),
  fc.integer({ min: -5000, max: 5000 }).map((skew) =>
    named(`operator's clock ${skew}`, (hub) => {
      hub.skew = skew;
    }),
  ),
);
const seeing: fc.Arbitrary<Act> = fc.oneof(
  fc.constant(named("look", (hub, agent) => agent.look(hub.state))),
  fc
    .subarray([...PROJECTS, "template"])
    .map((late) =>
      named(`look without ${late} of the last change`, (hub, agent) =>
        agent.look(agent.saw === hub.state ? hub.state : hub.halfWritten(late)),
      ),
    ),
  fc.constant(
    named("look and acknowledge", (hub, agent) => {
      agent.look(hub.state);
      hub.acknowledge(agent.known, agent.restored);
    }),
  ),
);
const restores: fc.Arbitrary<Act> = fc.oneof(
  fc.constant(named("backup", (hub) => void hub.backups.push(hub.state))),
  fc.nat(5).map((backup) => named(`restore ${backup}`, (hub) => hub.restore(backup))),
  fc.constant(named("accept", (hub) => hub.accept())),
);

describe("what an agent goes by, over any story", () => {
  test("what it saw withdrawn comes back by a later grant of the same line, or after an acceptance, and never by a restore", () => {
    const story = fc.array(
      fc.oneof({ arbitrary: changes, weight: 4 }, { arbitrary: seeing, weight: 3 }, { arbitrary: restores, weight: 2 }),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(story, (acts) => {
        const [hub, agent] = [new Hub(), new Agent()];
        const absent = new Map<string, Lost>();
        for (const act of acts) {
          const [before, seenBefore] = [agent.applied, agent.saw];
          act(hub, agent);
          for (const right of agent.applied) {
            const lost = absent.get(right);
            if (before.has(right) || lost === undefined) continue;
            expect([right, mayFollow(agent.saw?.moments[lineOf(right)], lost)]).toEqual([right, true]);
          }
          if (agent.saw === seenBefore || agent.saw === undefined) continue;
          const { grants, verbs, moments } = agent.saw;
          const says = new Set([...grants, ...verbs.map((one) => `template/${one}`)]);
          for (const right of agent.applied) {
            const unchanged = before.has(right) && agent.restored.length > 0;
            if (!unchanged) expect(says).toContain(right);
          }
          for (const right of RIGHTS) {
            if (says.has(right) || agent.applied.has(right)) continue;
            absent.set(right, { moment: moments[lineOf(right)], step: hub.step });
          }
          // A template to which nobody is bound is forgotten: whoever binds somebody to it after a restore means it as it is then.
          if (agent.known.templates[TEMPLATE] === undefined) for (const one of VERBS) absent.delete(`template/${one}`);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("without a restore it has exactly what the hub says, whatever the clocks say and whatever it missed", () => {
    const losing = fc
      .constantFrom("cluster", projectSet("a"), projectSet("b"))
      .map((name) => named(`lose ${name}`, (hub) => hub.loseSet(name)));
    const story = fc.array(
      fc.oneof({ arbitrary: changes, weight: 4 }, { arbitrary: seeing, weight: 2 }, { arbitrary: losing, weight: 1 }),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(story, (acts) => {
        const [hub, agent] = [new Hub(), new Agent()];
        for (const act of [...acts, named("look", (h: Hub, a: Agent) => a.look(h.state))]) {
          act(hub, agent);
          expect(agent.restored).toEqual([]);
          if (agent.saw === hub.state) expect(agent.applied).toEqual(said(hub.state));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("after an acceptance it has exactly what the restored hub says", () => {
    const story = fc.array(fc.oneof(changes, seeing, restores), { maxLength: 40 });
    fc.assert(
      fc.property(story, (acts) => {
        const [hub, agent] = [new Hub(), new Agent()];
        for (const act of acts) act(hub, agent);
        hub.accept();
        agent.look(hub.state);
        expect(agent.restored).toEqual([]);
        expect(agent.applied).toEqual(said(hub.state));
      }),
      { numRuns: 300 },
    );
  });
});
