import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { KubeClient } from "../../lib/kube/client.ts";
import type { Refusal } from "../../lib/server/refusal.ts";
import { agentClaim, isForKey } from "./agent-claim.ts";
import { AgentTokens } from "./agent-tokens.ts";
import { agentPermission, isMergePatch } from "./allow.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const EXP = NOW / 1000 + 600;
const jwt = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const EAST = "system:serviceaccount:cluster-east:agent";

describe("a token at the agents' endpoint", () => {
  test("is passed on when it claims to be the cluster's own agent", () => {
    const token = jwt({ sub: EAST, exp: EXP, aud: ["https://hub", "drover.dev/agent-key/SHA256:k"] });
    const claim = agentClaim([`Bearer ${token}`], "east", NOW);
    expect(claim).toEqual({ token, expiresAt: EXP * 1000, audiences: ["https://hub", "drover.dev/agent-key/SHA256:k"] });
    expect(isForKey(claim as NonNullable<typeof claim>, "SHA256:k")).toBe(true);
  });

  test("given for another key than the one on record, or while none is, is refused", () => {
    const claim = { token: "t", expiresAt: 0, audiences: ["https://hub", "drover.dev/agent-key/SHA256:k"] };
    expect(isForKey(claim, "SHA256:other")).toBe(false);
    expect(isForKey(claim, undefined)).toBe(false);
    expect(isForKey({ ...claim, audiences: ["https://hub"] }, "SHA256:k")).toBe(false);
    expect(isForKey({ ...claim, audiences: ["drover.dev/agent-key/undefined"] }, undefined)).toBe(false);
  });

  test.each<[string, readonly string[]]>([
    ["of another account of the namespace", [`Bearer ${jwt({ sub: "system:serviceaccount:cluster-east:default", exp: EXP })}`]],
    ["of another cluster's agent", [`Bearer ${jwt({ sub: "system:serviceaccount:cluster-west:agent", exp: EXP })}`]],
    ["of one of Drover's own processes", [`Bearer ${jwt({ sub: "system:serviceaccount:drover-system:proxy", exp: EXP })}`]],
    ["of a user", [`Bearer drv_${"A".repeat(43)}`]],
    ["that expired long ago", [`Bearer ${jwt({ sub: EAST, exp: NOW / 1000 - 600 })}`]],
    ["that never expires", [`Bearer ${jwt({ sub: EAST, aud: [] })}`]],
    ["without a subject", [`Bearer ${jwt({})}`]],
    ["whose subject is a list", [`Bearer ${jwt({ sub: [EAST], exp: EXP })}`]],
    ["that is no JSON", ["Bearer a.b.c"]],
    ["that is null", [`Bearer ${jwt(null)}`]],
    ["twice", [`Bearer ${jwt({ sub: EAST, exp: EXP })}`, `Bearer ${jwt({ sub: EAST, exp: EXP })}`]],
    ["with something behind it", [`Bearer ${jwt({ sub: EAST, exp: EXP })} x`]],
    ["that is missing", []],
  ])("%s is not", (_, authorization) => {
    expect(agentClaim(authorization, "east", NOW)).toBeUndefined();
  });
});

test("a forged token does not reveal which clusters exist", async () => {
  const tokens = new AgentTokens({
    hub: new KubeClient({ server: "https://127.0.0.1:1" }, { userAgent: "test" }),
    keys: { signerOf: async () => undefined, has: () => false },
    hasCluster: (cluster) => cluster !== "west",
    keyOnRecord: (cluster) => (cluster === "east" ? "SHA256:k" : undefined),
  });
  const answers = ["east", "north", "west"].map(async (cluster) => {
    const sub = `system:serviceaccount:cluster-${cluster}:agent`;
    const forged = jwt({ sub, exp: Date.now() / 1000 + 600, aud: ["drover.dev/agent-key/SHA256:k"] });
    const refused = (await tokens.verify([`Bearer ${forged}`], cluster, 0)) as Refusal;
    return { auditReason: refused.auditReason, ...refused.answer() };
  });
  const [east, north, west] = await Promise.all(answers);
  expect([east?.auditReason, north?.auditReason, west?.auditReason]).toEqual(["SignatureRefused", "KeyNotOnRecord", "NoSuchCluster"]);
  expect(north).toEqual({ ...east, auditReason: north?.auditReason });
  expect(west).toEqual({ ...east, auditReason: west?.auditReason });
});

describe("an agent may ask of the hub", () => {
  const own = "/apis/drover.dev/v1alpha1/namespaces/cluster-east";
  const lease = "/apis/coordination.k8s.io/v1/namespaces/cluster-east/leases/agent";
  test.each([
    ["GET", `${own}/accesssets?watch=1&allowWatchBookmarks=true`],
    ["GET", `${own}/accesssets/cluster`],
    ["PATCH", `${own}/accesssets/project-web/status?fieldManager=agent&force=true`],
    ["GET", "/apis/drover.dev/v1alpha1/clusterroletemplates?limit=500"],
    ["GET", "/apis/drover.dev/v1alpha1/clusterroletemplates/cluster-owner"],
    ["PATCH", `${own}/clusterreports/agent/status`],
    ["PATCH", lease],
  ])("%s %s", (method, path) => {
    expect(agentPermission("east", method, path)).toBeDefined();
  });

  test.each([
    ["GET", `${own.replace("east", "west")}/accesssets`],
    ["GET", `${own.replace("east", "west")}/accesssets/cluster`],
    ["PATCH", `${own.replace("east", "west")}/accesssets/cluster/status`],
    ["PATCH", `${own.replace("east", "west")}/clusterreports/agent/status`],
    ["PATCH", lease.replace("east", "west")],
    ["GET", "/apis/drover.dev/v1alpha1/accesssets"],
    ["PATCH", `${own}/accesssets/cluster`],
    ["PATCH", `${own}/clusterreports/agent`],
    ["GET", `${own}/clusterreports/agent`],
    ["PUT", lease],
    ["GET", lease],
    ["DELETE", `${own}/accesssets/cluster`],
    ["POST", `${own}/accesssets`],
    ["PUT", `${own}/accesssets/cluster/status`],
    ["PATCH", `${own}/clusterreports/other/status`],
    ["POST", `${own}/clusterreports`],
    ["GET", `${own}/clusterregistrations/agent`],
    ["GET", `${own}/clustermembers/members`],
    ["PATCH", "/apis/drover.dev/v1alpha1/clusterroletemplates/cluster-owner"],
    ["GET", "/apis/drover.dev/v1alpha1/tokens"],
    ["GET", "/api/v1/namespaces/cluster-east/secrets/agent-registration"],
    ["POST", "/api/v1/namespaces/cluster-east/serviceaccounts/agent/token"],
    ["GET", `${own}/accesssets/`],
    ["GET", `${own}//accesssets`],
    ["GET", `${own}/accesssets/a%2f..`],
    ["GET", `${own}/ACCESSSETS`],
    ["GET", "/version"],
    ["GET", "/"],
    ["HEAD", `${own}/accesssets`],
  ])("but not %s %s", (method, path) => {
    expect(agentPermission("east", method, path)).toBeUndefined();
  });

  test.each<[string, readonly string[], boolean]>([
    ["a merge patch", ["accept", "*/*", "content-type", "application/merge-patch+json"], true],
    ["a merge patch with a charset", ["Content-Type", "application/merge-patch+json; charset=utf-8"], true],
    ["a server-side apply, which leaves an entry for each field manager", ["content-type", "application/apply-patch+yaml"], false],
    ["a JSON patch, which appends to a list", ["content-type", "application/json-patch+json"], false],
    ["a strategic merge patch", ["content-type", "application/strategic-merge-patch+json"], false],
    ["something that begins like a merge patch", ["content-type", "application/merge-patch+jsonl"], false],
    ["two types", ["content-type", "application/merge-patch+json", "Content-Type", "application/apply-patch+yaml"], false],
    ["no type", ["accept", "application/merge-patch+json"], false],
  ])("grows no object by small requests: %s", (_, headers, allowed) => {
    expect(isMergePatch(headers)).toBe(allowed);
  });

  test("nothing outside its namespace but templates, whatever it makes up", () => {
    const piece = fc.constantFrom(
      "apis",
      "api",
      "v1",
      "drover.dev",
      "v1alpha1",
      "namespaces",
      "cluster-east",
      "cluster-west",
      "accesssets",
      "leases",
      "agent",
      "status",
      "secrets",
      "tokens",
      "clusterroletemplates",
      "..",
      "",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), fc.constantFrom("GET", "PATCH", "PUT", "POST", "DELETE"), (pieces, method) => {
        const path = `/${pieces.join("/")}`;
        if (!agentPermission("east", method, path)) return;
        expect(path.includes("/namespaces/cluster-east/") || (method === "GET" && path.includes("/clusterroletemplates"))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
