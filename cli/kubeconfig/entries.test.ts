import { describe, expect, test } from "@jest/globals";
import { EMPTY, type Entries, type Kubeconfig, withEntries, withoutEntries } from "./entries.ts";

const entries = (clusters: string[], more: Partial<Entries> = {}): Entries => ({
  apiURL: "https://api.test",
  user: "alice",
  token: "drv_one",
  clusters,
  prefix: "drover-",
  ...more,
});

const mine: Kubeconfig = {
  ...EMPTY,
  clusters: [{ name: "mine", cluster: { server: "https://mine.test" } }],
  contexts: [{ name: "mine", context: { cluster: "mine", user: "me" } }],
  users: [{ name: "me", user: { token: "secret" } }],
  "current-context": "mine",
  preferences: { colors: true },
};

describe("entries of a kubeconfig", () => {
  test("a new file gets a context for each cluster, and the first one is current", () => {
    const config = withEntries(EMPTY, entries(["east", "west"]));
    expect(config["current-context"]).toBe("drover-east");
    expect(config.contexts).toEqual([
      { name: "drover-east", context: { cluster: "drover-east", user: "drover-alice" } },
      { name: "drover-west", context: { cluster: "drover-west", user: "drover-alice" } },
    ]);
    expect(config.clusters?.[0]).toEqual({ name: "drover-east", cluster: { server: "https://api.test/clusters/east" } });
  });

  test("what belongs to somebody else stays, and so does the current context", () => {
    const config = withEntries(mine, entries(["east"]));
    expect(config).toMatchObject({ "current-context": "mine", preferences: { colors: true } });
    expect(withoutEntries(config, "https://api.test")).toEqual(mine);
  });

  test("writing the same twice changes nothing", () => {
    const once = withEntries(mine, entries(["east", "west"]));
    expect(withEntries(once, entries(["east", "west"]))).toEqual(once);
  });

  test("a cluster that is closed to the person goes, and what he set on another context stays", () => {
    const before = withEntries(EMPTY, entries(["east", "west"]));
    const edited = {
      ...before,
      contexts: before.contexts?.map((one) => ({ ...one, context: { ...one.context, namespace: "shop" } })) ?? [],
    };
    const after = withEntries(edited, entries(["west"], { token: "drv_two" }));
    expect(after.contexts).toEqual([{ name: "drover-west", context: { cluster: "drover-west", user: "drover-alice", namespace: "shop" } }]);
    expect(after.users).toEqual([{ name: "drover-alice", user: { token: "drv_two" } }]);
    expect(after["current-context"]).toBe("drover-west");
  });

  test("two Drovers side by side, with prefixes of their own, do not touch each other", () => {
    const both = withEntries(withEntries(EMPTY, entries(["east"])), entries(["east"], { apiURL: "https://other.test", prefix: "other-" }));
    expect(both.clusters?.map(({ name }) => name)).toEqual(["drover-east", "other-east"]);
    expect(withoutEntries(both, "https://api.test").clusters?.map(({ name }) => name)).toEqual(["other-east"]);
    // One URL that begins like another is another.
    expect(withoutEntries(both, "https://other.tes").clusters).toHaveLength(2);
  });

  test("another person on the same machine takes the place of the first, whose token goes", () => {
    const after = withEntries(withEntries(EMPTY, entries(["east"])), entries(["east"], { user: "bob", token: "drv_bob" }));
    expect(JSON.stringify(after)).not.toContain("drv_one");
  });

  test("a file with nulls, as kubectl writes empty lists, is read", () => {
    expect(withEntries({ clusters: null, contexts: null, users: null }, entries(["east"])).clusters).toHaveLength(1);
  });
});
