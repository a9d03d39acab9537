// Single stories of a hub that is restored from a backup.
import { describe, expect, test } from "@jest/globals";
import { Agent, Hub, said } from "../../test/agent/restored-hub.ts";
import { forgotten, goesOn, type Versions } from "./known.ts";
import { seenSet, seenTemplate } from "./observe.ts";

describe("single stories", () => {
  const withGrants = (...grants: string[]) => ({ grants: new Set(grants) });
  /** alice was granted, backed up, and withdrawn; then the hub is restored. */
  function restored(): { hub: Hub; agent: Agent } {
    const [hub, agent] = [new Hub(), new Agent()];
    hub.change(withGrants("a/alice", "a/carol"));
    agent.look(hub.state);
    hub.acknowledge(agent.known, agent.restored);
    hub.backups.push(hub.state);
    hub.change(withGrants("a/carol", "b/bob"));
    agent.look(hub.state);
    hub.acknowledge(agent.known, agent.restored);
    hub.restore(1);
    return { hub, agent };
  }
  const grantsOf = (agent: Agent) => [...agent.applied].filter((right) => !right.startsWith("template/")).sort();

  test("a restored hub takes nothing away and gives nothing", () => {
    const { hub, agent } = restored();
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol", "b/bob"]);
    expect(agent.restored).toEqual(["AccessSet project-a", "AccessSet project-b"]);
  });

  test("a change after the restore does not bring back what was withdrawn before it", () => {
    const { hub, agent } = restored();
    hub.change(withGrants("a/alice", "a/bob", "a/carol"));
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol", "b/bob"]);
  });

  test("a withdrawal after the restore is followed, and may be taken back", () => {
    const { hub, agent } = restored();
    hub.change(withGrants("a/alice"));
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["b/bob"]);
    hub.change(withGrants("a/alice", "a/carol"));
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol", "b/bob"]);
  });

  test("what was withdrawn after one restore is not brought back by the next", () => {
    const { hub, agent } = restored();
    hub.change(withGrants("a/alice"));
    agent.look(hub.state);
    hub.restore(1);
    hub.change(withGrants("a/alice", "a/bob", "a/carol"));
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["b/bob"]);
  });

  test("an acceptance in a backup does not accept the restore of that backup", () => {
    const { hub, agent } = restored();
    hub.accept();
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/alice", "a/carol"]);
    hub.backups.push(hub.state);
    hub.change(withGrants("a/carol"));
    agent.look(hub.state);
    hub.restore(2);
    hub.change(withGrants("a/alice", "a/bob", "a/carol"));
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol"]);
  });

  test("a template that was narrowed stays narrow, also when it is changed after the restore", () => {
    const [hub, agent] = [new Hub(), new Agent()];
    hub.change({ grants: new Set(["a/alice"]), verbs: ["get", "delete"] });
    hub.backups.push(hub.state);
    hub.change({ verbs: ["get"] });
    agent.look(hub.state);
    hub.restore(1);
    hub.change({ verbs: ["get", "delete", "list"] });
    agent.look(hub.state);
    expect(agent.restored).toEqual(["ClusterRoleTemplate reader"]);
    expect([...agent.applied]).toEqual(["a/alice", "template/get"]);
    hub.accept();
    agent.look(hub.state);
    expect([...agent.applied].sort()).toEqual(["a/alice", "template/delete", "template/get", "template/list"]);
  });

  test("a set that is made anew while the operator's clock is years behind is taken over", () => {
    const [hub, agent] = [new Hub(), new Agent()];
    hub.change(withGrants("a/alice", "a/carol"));
    agent.look(hub.state);
    hub.skew = -3e11;
    hub.state = { ...hub.state, grants: new Set(["a/carol"]) };
    hub.loseSet("project-a");
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol"]);
    expect(agent.restored).toEqual([]);
  });

  test.each(["acknowledged", "not acknowledged"])(
    "an agent that was away for 1,000 changes, its last look %s, has what the hub says",
    (how) => {
      const [hub, agent] = [new Hub(), new Agent()];
      const flip = (times: number) => {
        for (let i = 0; i < times; i++) hub.change(withGrants(i % 2 === 0 ? "a/alice" : "a/carol"));
      };
      agent.look(hub.state);
      hub.acknowledge(agent.known, agent.restored);
      flip(20);
      agent.look(hub.state);
      if (how === "acknowledged") hub.acknowledge(agent.known, agent.restored);
      flip(1000);
      agent.look(hub.state);
      expect(agent.restored).toEqual([]);
      expect(agent.applied).toEqual(said(hub.state));
    },
  );

  test("a set that somebody deletes on the restored hub, and that is made anew, gives nothing back", () => {
    const { hub, agent } = restored();
    agent.look(hub.state);
    hub.change(withGrants("a/alice", "a/carol", "b/bob"));
    hub.loseSet("project-a");
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/carol", "b/bob"]);
  });

  test("a set that leaves the index of the restored hub, and comes back, gives nothing back", () => {
    const { hub, agent } = restored();
    hub.change(withGrants("a/alice", "a/carol"));
    agent.look(hub.state);
    const { projects } = hub.state;
    hub.change({ projects: { b: "uid-b" } });
    agent.look(hub.state);
    expect(grantsOf(agent)).not.toContain("a/carol");
    hub.change({ projects });
    agent.look(hub.state);
    expect(grantsOf(agent)).not.toContain("a/alice");
    hub.accept();
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/alice", "a/carol"]);
  });

  test("an acceptance counts only over all that was seen since the restore", () => {
    const { hub, agent } = restored();
    hub.change(withGrants("a/alice"));
    agent.look(hub.state);
    hub.restore(1);
    const seen = Math.max(...(agent.known.sets["project-a"]?.held?.head.history ?? []).map((name) => Number.parseInt(name, 10)));
    // Made by another clock, before what the agent has seen.
    hub.change({ acceptedAt: seen });
    agent.look(hub.state);
    expect(grantsOf(agent)).not.toContain("a/alice");
    hub.change({ acceptedAt: seen + 1_000_000 });
    agent.look(hub.state);
    expect(grantsOf(agent)).toEqual(["a/alice", "a/carol"]);
  });

  test("an agent whose memory was too large to be kept takes over what goes on from it, and nothing of a restored hub", () => {
    const { hub, agent } = restored();
    const memory = JSON.parse(JSON.stringify(forgotten(agent.known))) as Versions;
    const may = () => goesOn(memory, hub.state.sets.map(seenSet), [seenTemplate(hub.state.template)]);
    expect(may()).toBe(false);
    hub.change(withGrants("a/alice", "b/carol"));
    expect(may()).toBe(false);
    hub.accept();
    expect(may()).toBe(true);
    hub.change(withGrants("a/alice"));
    agent.look(hub.state);
    const later = forgotten(agent.known);
    hub.change(withGrants("a/bob"));
    expect(goesOn(later, hub.state.sets.map(seenSet), [seenTemplate(hub.state.template)])).toBe(true);
  });

  test("a managed cluster that is itself restored from a backup follows the hub again", () => {
    const [hub, agent] = [new Hub(), new Agent()];
    hub.change(withGrants("a/alice"));
    agent.look(hub.state);
    const saved = agent.known;
    for (const user of ["alice", "bob", "carol", "alice"]) {
      hub.change(withGrants(`a/${user}`, "b/bob"));
      agent.look(hub.state);
      hub.acknowledge(agent.known, agent.restored);
    }
    hub.change(withGrants("b/bob"));
    agent.known = saved;
    agent.look(hub.state);
    expect(agent.restored).toEqual([]);
    expect(grantsOf(agent)).toEqual(["b/bob"]);
  });
});
