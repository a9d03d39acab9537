import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EMPTY, type Kubeconfig, type Login, withEntries, withoutEntries } from "./entries.ts";

const API = "https://api.test";

const login = (clusters: string[], more: Partial<Login> = {}): Login => ({
  apiURL: API,
  user: "alice",
  token: "drv_one",
  clusters,
  prefix: "drover-",
  ...more,
});

/** For kubeconfigs of one file. */
const loggedIn = (config: Kubeconfig, clusters: string[], more: Partial<Login> = {}): Kubeconfig => {
  const change = withEntries([config], 0, login(clusters, more));
  if ("taken" in change) throw new Error(`taken: ${change.taken.join()}`);
  return change.files[0] as Kubeconfig;
};
const loggedOut = (config: Kubeconfig, apiURL = API): Kubeconfig => withoutEntries([config], apiURL)[0] as Kubeconfig;
const named = (list: Kubeconfig["contexts"]): string[] => (list ?? []).map(({ name }) => name);

const mine: Kubeconfig = {
  ...EMPTY,
  clusters: [{ name: "mine", cluster: { server: "https://mine.test", "proxy-url": "http://p", "tls-server-name": "x" } }],
  contexts: [{ name: "mine", context: { cluster: "mine", user: "me", extensions: [{ name: "e", extension: { a: 1 } }] } }],
  users: [{ name: "me", user: { exec: { command: "./login", args: null } } }],
  "current-context": "mine",
  preferences: { colors: true },
};

const renamed = (config: Kubeconfig, from: string, to: string): Kubeconfig => ({
  ...config,
  contexts: (config.contexts ?? []).map((context) => (context.name === from ? { ...context, name: to } : context)),
  ...(config["current-context"] === from && { "current-context": to }),
});

describe("entries of a kubeconfig", () => {
  test("a new file gets a context for each cluster, and the first one is current", () => {
    const config = loggedIn(EMPTY, ["east", "west"]);
    expect(config["current-context"]).toBe("drover-east");
    expect(config.contexts).toEqual([
      { name: "drover-east", context: { cluster: "drover-east", user: "drover-alice" } },
      { name: "drover-west", context: { cluster: "drover-west", user: "drover-alice" } },
    ]);
    expect(config.clusters?.[0]).toEqual({ name: "drover-east", cluster: { server: "https://api.test/clusters/east" } });
    expect(config.users?.[0]?.user).toMatchObject({ token: "drv_one" });
  });

  test("what does not belong to Drover stays, and so does the current context", () => {
    const config = loggedIn(mine, ["east"]);
    expect(config).toMatchObject({ "current-context": "mine", preferences: { colors: true } });
    expect(loggedOut(config)).toEqual(mine);
  });

  test("writing the same twice changes nothing", () => {
    const once = loggedIn(mine, ["east", "west"]);
    expect(loggedIn(once, ["east", "west"])).toEqual(once);
  });

  test("a context that the user renamed stays at the next login, when its cluster is closed, and at logout", () => {
    const first = renamed(loggedIn(EMPTY, ["alpha", "east"]), "drover-east", "prod");
    const prod = { name: "prod", context: { cluster: "drover-east", user: "drover-alice" } };
    const current = { ...first, "current-context": "prod" };
    const again = loggedIn(current, ["alpha", "east"], { token: "drv_two" });
    expect(again.contexts).toContainEqual(prod);
    expect(again["current-context"]).toBe("prod");
    const closed = loggedIn(again, ["alpha"]);
    expect(closed.contexts).toContainEqual(prod);
    expect(named(closed.contexts)).toEqual(["drover-alpha", "prod"]);
    // Refused by the server then, with a message; without its cluster kubectl could not even ask.
    expect(named(closed.clusters)).toEqual(["drover-alpha", "drover-east"]);
    const out = loggedOut(closed);
    expect(out.contexts).toEqual([prod]);
    expect(JSON.stringify(out)).not.toContain("drv_");
  });

  test("no other cluster becomes current when the current one is closed, nor at the login after a logout", () => {
    const before = { ...loggedIn(EMPTY, ["alpha", "east"]), "current-context": "drover-east" };
    expect(loggedIn(before, ["alpha"])["current-context"]).toBe("drover-east");
    const back = loggedIn(loggedOut(before), ["alpha", "east"]);
    expect(back["current-context"]).toBe("drover-east");
  });

  test("a cluster that the user can no longer reach goes, and what was set on another entry stays", () => {
    const before = loggedIn(EMPTY, ["east", "west"]);
    const edited: Kubeconfig = {
      ...before,
      contexts: (before.contexts ?? []).map((one) => ({ ...one, context: { ...(one.context as object), namespace: "shop" } })),
      clusters: (before.clusters ?? []).map((one) => ({ ...one, cluster: { ...(one.cluster as object), "proxy-url": "http://p" } })),
    };
    const after = loggedIn(edited, ["west"], { token: "drv_two" });
    expect(after.contexts).toEqual([{ name: "drover-west", context: { cluster: "drover-west", user: "drover-alice", namespace: "shop" } }]);
    expect(after.clusters).toEqual([{ name: "drover-west", cluster: { server: `${API}/clusters/west`, "proxy-url": "http://p" } }]);
    expect(after.users).toMatchObject([{ name: "drover-alice", user: { token: "drv_two" } }]);
  });

  test("entries of another hub, or of anybody else, under the same names are not overwritten", () => {
    const here = loggedIn(EMPTY, ["east"]);
    expect(withEntries([here], 0, login(["east"], { apiURL: "https://other.test" }))).toEqual({
      taken: ["cluster drover-east", "context drover-east", "user drover-alice"],
    });
    const robot: Kubeconfig = { ...EMPTY, users: [{ name: "drover-alice", user: { token: "drv_somebody" } }] };
    expect(withEntries([EMPTY, robot], 0, login(["east"]))).toEqual({ taken: ["user drover-alice"] });
    const context: Kubeconfig = { ...here, contexts: [{ name: "drover-east", context: { cluster: "drover-east", user: "robot" } }] };
    expect(withEntries([context], 0, login(["east"]))).toEqual({ taken: ["context drover-east"] });
  });

  test("two Drovers side by side, with prefixes of their own, do not touch each other", () => {
    const both = loggedIn(loggedIn(EMPTY, ["east"]), ["east"], { apiURL: "https://other.test", prefix: "other-" });
    expect(named(both.clusters)).toEqual(["drover-east", "other-east"]);
    expect(named(loggedOut(both).clusters)).toEqual(["other-east"]);
    // One URL that begins like another is another.
    expect(loggedOut(both, "https://other.tes").clusters).toHaveLength(2);
  });

  test("another prefix takes the place of the former", () => {
    const after = loggedIn(loggedIn(mine, ["east"]), ["east"], { prefix: "x-" });
    expect([named(after.clusters), named(after.contexts), named(after.users)]).toEqual([
      ["mine", "x-east"],
      ["mine", "x-east"],
      ["me", "x-alice"],
    ]);
  });

  test("another user on the same machine takes the place of the first, whose token goes", () => {
    const after = loggedIn(loggedIn(EMPTY, ["east"]), ["east"], { user: "bob", token: "drv_bob" });
    expect(JSON.stringify(after)).not.toContain("drv_one");
    expect(after.contexts).toEqual([{ name: "drover-east", context: { cluster: "drover-east", user: "drover-bob" } }]);
  });

  test("an authority that is no longer given goes, and one that the user set as a file stays", () => {
    const before = loggedIn(EMPTY, ["east"], { ca: "PEM" });
    expect(before.clusters?.[0]?.cluster).toMatchObject({ "certificate-authority-data": "UEVN" });
    const edited = {
      ...before,
      clusters: [{ name: "drover-east", cluster: { ...(before.clusters?.[0]?.cluster as object), "certificate-authority": "ca.crt" } }],
    };
    expect(loggedIn(edited, ["east"]).clusters?.[0]?.cluster).toEqual({
      server: `${API}/clusters/east`,
      "certificate-authority": "ca.crt",
    });
  });

  test("entries stay in the file that they are in, new ones go to the one that is chosen", () => {
    const second = loggedIn(EMPTY, ["east"]);
    const change = withEntries([mine, second], 0, login(["east", "west"], { token: "drv_two" }));
    if ("taken" in change) throw new Error("taken");
    expect(change.files.map(({ contexts }) => named(contexts))).toEqual([["mine", "drover-west"], ["drover-east"]]);
    expect(JSON.stringify(change.files)).not.toContain("drv_one");
    expect(withoutEntries(change.files, API)).toEqual([mine, { ...EMPTY, "current-context": "drover-east" }]);
  });

  test("a file with nulls, as kubectl writes empty lists, is read", () => {
    expect(loggedIn({ clusters: null, contexts: null, users: null }, ["east"]).clusters).toHaveLength(1);
  });
});

describe("for any files of a kubeconfig", () => {
  const NAMES = ["drover-east", "drover-west", "drover-alice", "east", "prod", "drover-", "other-east", ""];
  const name = fc.constantFrom(...NAMES);
  const fields = fc.dictionary(fc.constantFrom("namespace", "extensions", "proxy-url", "exec", "x"), fc.jsonValue({ maxDepth: 2 }));
  const server = fc.constantFrom("https://other.test/clusters/east", `${API}/clusters/north`, `${API}/clusters`, API, "");
  const entry = (field: string, known: fc.Arbitrary<object>) =>
    fc
      .tuple(name, fields, known, fc.boolean())
      .map(([is, more, also, whole]) => ({ name: is, ...(whole ? { [field]: { ...more, ...also } } : {}) }));
  const list = (field: string, known: fc.Arbitrary<object>) =>
    fc.option(fc.uniqueArray(entry(field, known), { maxLength: 5, selector: (one) => one.name }));
  const file = fc.record(
    {
      clusters: list("cluster", fc.record({ server })),
      contexts: list("context", fc.record({ cluster: name, user: name })),
      users: list("user", fc.record({ token: fc.constantFrom("drv_x", "t") })),
      "current-context": fc.constantFrom("", "prod", "drover-east", "gone"),
      preferences: fc.jsonValue({ maxDepth: 1 }),
    },
    { requiredKeys: [] },
  ) as unknown as fc.Arbitrary<Kubeconfig>;
  const files = fc.array(file, { minLength: 1, maxLength: 3 });
  /** As kubectl reads it: no list is an empty list. A cluster of ours may stay, for a context of theirs that needs it. */
  const read = (all: readonly Kubeconfig[]) =>
    all.map((one) => ({
      ...one,
      clusters: (one.clusters ?? []).filter((entry) => !wanted.clusters.includes(entry.name)),
      contexts: one.contexts ?? [],
      users: one.users ?? [],
    }));
  const wanted = { clusters: ["drover-east", "drover-west"], contexts: ["drover-east", "drover-west"], users: ["drover-alice"] };
  const isTaken = (all: readonly Kubeconfig[]): boolean =>
    all.some((one) => (["clusters", "users"] as const).some((key) => (one[key] ?? []).some((entry) => wanted[key].includes(entry.name))));

  test("after a login and a logout everything that was there is there as it was, or the login changes nothing", () => {
    let through = 0;
    const property = fc.property(files, fc.nat(), (before, which) => {
      const change = withEntries(before, which % before.length, login(["east", "west"]));
      if (isTaken(before)) return expect(change).toHaveProperty("taken");
      // Contexts of our names that lead to what there is not yet are as good as ours.
      const contexts = before.flatMap((one) => one.contexts ?? []).filter((one) => wanted.contexts.includes(one.name));
      if (contexts.length > 0) return;
      if ("taken" in change) throw new Error(`taken: ${change.taken.join()}`);
      through++;
      const current = before.some((one) => one["current-context"]);
      const after = withoutEntries(change.files, API).map((one) => (current ? one : { ...one, "current-context": "" }));
      expect(read(after)).toEqual(read(before.map((one) => (current ? one : { ...one, "current-context": "" }))));
    });
    fc.assert(property, { numRuns: 500 });
    expect(through).toBeGreaterThan(20);
  });

  test("whatever contexts users make of ours, no login and no logout takes one away or changes which is current", () => {
    const made = fc.uniqueArray(
      fc.record({ name: fc.constantFrom("prod", "drover-prod", "east", "x"), context: fc.record({ cluster: name, user: name }) }),
      { selector: (one) => one.name, minLength: 1 },
    );
    fc.assert(
      fc.property(made, fc.constantFrom("prod", "drover-east", "gone"), fc.subarray(["east", "west"]), (theirs, current, open) => {
        const first = loggedIn(EMPTY, ["east", "west"]);
        const edited = { ...first, contexts: [...(first.contexts ?? []), ...theirs], "current-context": current };
        const next = loggedIn(edited, open);
        for (const one of theirs) {
          expect(next.contexts).toContainEqual(one);
          expect(loggedOut(next).contexts).toContainEqual(one);
        }
        expect([next["current-context"], loggedOut(next)["current-context"]]).toEqual([current, current]);
        expect(JSON.stringify(loggedOut(next))).not.toContain("drv_");
      }),
    );
  });
});
