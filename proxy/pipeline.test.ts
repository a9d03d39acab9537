import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import type { Cluster } from "../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../crds/v1alpha1/token.ts";
import type { User } from "../crds/v1alpha1/user.ts";
import { tokenHash, tokenObjectName } from "../lib/identity/token.ts";
import type { AdmittedRequest } from "./admit.ts";
import { type AccessBasis, decide, type HubView, reevaluate } from "./pipeline.ts";

const SECRET = `drv_${"A".repeat(43)}`;
const NOW = Date.parse("2026-06-01T12:00:00Z");
const STALE_MS = 300_000;

interface World {
  readonly token?: Partial<Token["spec"]> | undefined;
  readonly user?: { readonly enabled?: boolean; readonly groups?: Record<string, readonly string[]> } | undefined;
  readonly provider?: boolean;
  readonly cluster?: boolean;
  readonly members?: Partial<ClusterMembers["spec"]> | undefined;
  readonly staleForMs?: number;
}

/** A hub where alice is a member of the cluster east, changed as the case wants it. */
const CORP = { metadata: { name: "corp", uid: "corp-uid" }, spec: { access: { mode: "Unrestricted" } } } as AuthProvider;

function hub(world: World = {}): HubView {
  const { token = {}, user = {}, provider = true, cluster = true, members = { users: ["alice"] }, staleForMs = 0 } = world;
  const spec = {
    ...{ hash: tokenHash(SECRET), user: "alice", userUID: "alice-uid", provider: "corp", providerUID: "corp-uid" },
    ...{ loginGeneration: 0, kind: "Login", expiresAt: "2026-06-01T13:00:00Z" },
    ...token,
  };
  const name = tokenObjectName(tokenHash(SECRET));
  const tokens = { [name]: { metadata: { name, uid: "token-uid" }, spec } as unknown as Token };
  const groups = Object.entries(user.groups ?? {}).map(([provider, names]) => ({ provider, names }));
  const users = {
    alice: {
      metadata: { name: "alice", uid: "alice-uid" },
      spec: { enabled: user.enabled ?? true },
      status: { groups },
    } as unknown as User,
  };
  const memberships = {
    east: { metadata: { name: "members" }, spec: { users: [], groups: [], everyone: false, ...members } } as unknown as ClusterMembers,
  };
  return {
    token: (wanted) => ("token" in world && world.token === undefined ? undefined : tokens[wanted]),
    user: (wanted) => ("user" in world && world.user === undefined ? undefined : users[wanted as "alice"]),
    provider: (wanted) => (provider && wanted === "corp" ? CORP : undefined),
    cluster: (wanted) => (cluster && wanted === "east" ? ({ metadata: { name: "east" } } as Cluster) : undefined),
    members: (wanted) => ("members" in world && world.members === undefined ? undefined : memberships[wanted as "east"]),
    staleForMs: () => staleForMs,
  };
}

const asks = (over: Partial<AdmittedRequest> = {}): AdmittedRequest => ({
  to: "cluster",
  method: "GET",
  cluster: "east",
  path: "/api",
  headers: [],
  contentLength: undefined,
  authorization: [`Bearer ${SECRET}`],
  upgrade: undefined,
  userAgent: undefined,
  rateKey: "203.0.113.7",
  source: "127.0.0.1",
  ...over,
});

const outcome = (request: AdmittedRequest, world?: World) => {
  const decision = decide(request, hub(world), NOW, STALE_MS);
  return "refusal" in decision ? [decision.refusal.status, decision.refusal.code, decision.refusal.auditReason] : decision.identity;
};

describe("a decision", () => {
  test("lets a member in, as themselves and with the groups that the cluster names", () => {
    expect(outcome(asks())).toEqual({
      user: "drover:user:alice",
      uid: "alice-uid",
      groups: ["drover:authenticated"],
      extra: { "drover.dev/provider": ["corp"], "drover.dev/token": [tokenObjectName(tokenHash(SECRET))] },
    });
  });

  test.each<[string, World]>([
    ["by name", { members: { users: ["alice"] } }],
    ["by a group", { user: { groups: { corp: ["devs"] } }, members: { groups: ["drover:group:corp:devs"] } }],
    ["because everyone is", { members: { everyone: true } }],
  ])("lets a member in %s", (_, world) => {
    expect(outcome(asks(), world)).toMatchObject({ user: "drover:user:alice" });
  });

  test("passes on only the groups that the cluster names, in their canonical spelling", () => {
    const user = { groups: { corp: ["devs", "ops", "Größe", " devs", "system:masters"], github: ["devs"] } };
    const members = { users: ["alice"], groups: ["drover:group:corp:devs", "drover:group:corp:Gr%C3%B6%C3%9Fe", "drover:group:other:ops"] };
    expect(outcome(asks(), { user, members })).toMatchObject({
      groups: ["drover:group:corp:Gr%C3%B6%C3%9Fe", "drover:group:corp:devs", "drover:authenticated"],
    });
  });

  test("groups that begin with system: never reach a cluster", () => {
    const names = ["system:masters", "System:masters", "system%3Amasters", "ｓystem:masters", "system:authenticated"];
    const members = {
      users: ["alice"],
      groups: ["system:masters", ...names.map((name) => `drover:group:corp:${name}`), "drover:group:corp:system%3Amasters"],
    };
    const identity = outcome(asks(), { user: { groups: { corp: names } }, members }) as unknown as { groups: string[] };
    for (const group of identity.groups) expect(group).toMatch(/^drover:(group:corp:system%3Amasters|authenticated)$/);
  });

  test("groups that differ in outer spaces, case, Unicode form or encoding are never taken for one another", () => {
    const known = "drover:group:corp:caf%C3%A9";
    for (const name of [" café", "café ", "Café", "cafe\u0301", "caf%C3%A9", "café\u0000"]) {
      expect(outcome(asks(), { user: { groups: { corp: [name] } }, members: { groups: [known] } })).toEqual([403, "NoAccess", undefined]);
    }
    expect(outcome(asks(), { user: { groups: { corp: ["café"] } }, members: { groups: [known] } })).toMatchObject({
      groups: [known, "drover:authenticated"],
    });
  });

  test.each<[string, readonly string[]]>([
    ["none", []],
    ["an empty one", [""]],
    ["the scheme alone", ["Bearer"]],
    ["a blank token", ["Bearer "]],
    ["two", [`Bearer ${SECRET}`, `Bearer ${SECRET}`]],
    ["another scheme", ["Basic YWxpY2U6eA=="]],
    ["no scheme", [SECRET]],
    ["trailing bytes", [`Bearer ${SECRET}A`]],
    ["a trailing space", [`Bearer ${SECRET} `]],
    ["two in one", [`Bearer ${SECRET}, Bearer ${SECRET}`]],
    ["two spaces", [`Bearer  ${SECRET}`]],
    ["one character less", [`Bearer ${SECRET.slice(0, -1)}`]],
    ["another", [`Bearer drv_${"B".repeat(43)}`]],
    ["a JWT", ["Bearer aaaa.bbbb.cccc"]],
    ["60 kB of it", [`Bearer ${"A".repeat(60_000)}`]],
  ])("refuses Authorization with %s", (_, authorization) => {
    expect(outcome(asks({ authorization }))).toEqual([401, "Unauthorized", expect.any(String)]);
  });

  test.each<[string, World, string]>([
    ["whose token was deleted", { token: undefined }, "UnknownToken"],
    ["whose token has expired this moment", { token: { expiresAt: "2026-06-01T12:00:00Z" } }, "TokenExpired"],
    ["whose token has an end that cannot be read", { token: { expiresAt: "soon" } }, "TokenExpired"],
    ["whose token's name fits another hash", { token: { hash: tokenHash(SECRET).replace(/.$/, "x") } }, "UnknownToken"],
    ["who is gone", { user: undefined }, "UserGone"],
    ["who is disabled", { user: { enabled: false } }, "UserDisabled"],
    ["whose provider is gone", { provider: false }, "ProviderGone"],
  ])("refuses a user %s, with the same words", (_, world, reason) => {
    expect(outcome(asks(), world)).toEqual([401, "Unauthorized", reason]);
    const decision = decide(asks(), hub(world), NOW, STALE_MS);
    if (!("refusal" in decision)) throw new Error("let in");
    expect(decision.refusal.answer().body.toString()).not.toContain(reason);
  });

  test("a token scoped to another cluster does not open this one, nor the hub", () => {
    const world = { token: { clusters: ["west"] } };
    expect(outcome(asks(), world)).toEqual([403, "OutOfScope", undefined]);
    expect(outcome(asks({ cluster: "hub" }), world)).toEqual([403, "OutOfScope", undefined]);
    expect(outcome(asks(), { token: { clusters: [] } })).toEqual([403, "OutOfScope", undefined]);
    expect(outcome(asks(), { token: { clusters: ["west", "east"] } })).toMatchObject({ user: "drover:user:alice" });
  });

  test("answers for a cluster that is not there with the same bytes as for one that is none of the asker's business", () => {
    const answers = [{ members: { users: ["bob"] } }, { members: undefined }, { cluster: false }].map((world) => {
      const decision = decide(asks(), hub(world), NOW, STALE_MS);
      if (!("refusal" in decision)) throw new Error("let in");
      return JSON.stringify([decision.refusal.answer().headers, decision.refusal.answer().body.toString()]);
    });
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain("NoAccess");
  });

  test("is a refusal of everybody once the hub has been silent for too long", () => {
    expect(outcome(asks(), { staleForMs: STALE_MS })).toMatchObject({ user: "drover:user:alice" });
    expect(outcome(asks(), { staleForMs: STALE_MS + 1 })).toEqual([503, "HubUnavailable", undefined]);
    expect(outcome(asks({ authorization: [] }), { staleForMs: Number.POSITIVE_INFINITY })).toEqual([503, "HubUnavailable", undefined]);
  });
});

describe("an open request", () => {
  const basis = (groups: readonly string[] = []): AccessBasis => ({
    cluster: "east",
    tokenName: tokenObjectName(tokenHash(SECRET)),
    tokenUID: "token-uid",
    groups,
  });

  test("goes on while everything that it rests on is there", () => {
    expect(reevaluate(basis(), hub(), NOW)).toBeUndefined();
    const groups = ["drover:group:corp:devs"];
    expect(reevaluate(basis(groups), hub({ user: { groups: { corp: ["devs", "ops"] } }, members: { groups } }), NOW)).toBeUndefined();
  });

  test.each<[string, World, readonly string[], string]>([
    ["the token was deleted", { token: undefined }, [], "Unauthorized"],
    ["the token has expired", { token: { expiresAt: "2026-06-01T11:00:00Z" } }, [], "Unauthorized"],
    ["the user was disabled", { user: { enabled: false } }, [], "Unauthorized"],
    ["the user was deleted", { user: undefined }, [], "Unauthorized"],
    ["the provider was deleted", { provider: false }, [], "Unauthorized"],
    ["the user is no member any more", { members: { users: [] } }, [], "NoAccess"],
    ["the cluster is gone", { cluster: false }, [], "NoAccess"],
    ["the user left a group", { user: { groups: { corp: [] } } }, ["drover:group:corp:devs"], "AccessEnded"],
    ["the cluster names a group no more", { user: { groups: { corp: ["devs"] } } }, ["drover:group:corp:devs"], "AccessEnded"],
  ])("ends when %s", (_, world, groups, code) => {
    expect(reevaluate(basis(groups), hub(world), NOW)).toMatchObject({ code });
  });

  test("ends when its token was made anew under the same name", () => {
    expect(reevaluate({ ...basis(), tokenUID: "another" }, hub(), NOW)).toMatchObject({ code: "Unauthorized" });
  });

  test("goes on exactly when it would be allowed again", () => {
    const world = fc.record<World>({
      token: fc.option(fc.record({ expiresAt: fc.constantFrom("2026-06-01T11:00:00Z", "2026-06-01T13:00:00Z") }), { nil: undefined }),
      user: fc.option(fc.record({ enabled: fc.boolean(), groups: fc.record({ corp: fc.subarray(["devs", "ops"]) }) }), { nil: undefined }),
      provider: fc.boolean(),
      cluster: fc.boolean(),
      members: fc.record({
        users: fc.subarray(["alice"]),
        groups: fc.subarray(["drover:group:corp:devs", "drover:group:corp:ops"]),
        everyone: fc.boolean(),
      }),
    });
    fc.assert(
      fc.property(world, world, (before, after) => {
        const first = decide(asks(), hub(before), NOW, STALE_MS);
        if ("refusal" in first) return;
        const second = decide(asks(), hub(after), NOW, STALE_MS);
        const mayGoOn = !("refusal" in second) && first.groups.every((group) => second.groups.includes(group));
        expect(reevaluate(basis(first.groups), hub(after), NOW) === undefined).toBe(mayGoOn);
      }),
    );
  });
});
