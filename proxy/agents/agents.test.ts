import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { agentToken } from "./account.ts";
import { mayAskHub } from "./allow.ts";

const jwt = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const EAST = "system:serviceaccount:cluster-east:agent";

describe("attack 59: a token at the agents' endpoint", () => {
  test("is passed on when it claims to be the cluster's own agent", () => {
    const token = jwt({ sub: EAST });
    expect(agentToken([`Bearer ${token}`], "east")).toBe(token);
  });

  test.each<[string, readonly string[]]>([
    ["of another account of the namespace", [`Bearer ${jwt({ sub: "system:serviceaccount:cluster-east:default" })}`]],
    ["of another cluster's agent", [`Bearer ${jwt({ sub: "system:serviceaccount:cluster-west:agent" })}`]],
    ["of one of Drover's own processes", [`Bearer ${jwt({ sub: "system:serviceaccount:drover-system:proxy" })}`]],
    ["of a person", [`Bearer drv_${"A".repeat(43)}`]],
    ["without a subject", [`Bearer ${jwt({})}`]],
    ["whose subject is a list", [`Bearer ${jwt({ sub: [EAST] })}`]],
    ["that is no JSON", ["Bearer a.b.c"]],
    ["that is null", [`Bearer ${jwt(null)}`]],
    ["twice", [`Bearer ${jwt({ sub: EAST })}`, `Bearer ${jwt({ sub: EAST })}`]],
    ["with something behind it", [`Bearer ${jwt({ sub: EAST })} x`]],
    ["that is missing", []],
  ])("%s is not", (_, authorization) => {
    expect(agentToken(authorization, "east")).toBeUndefined();
  });
});

describe("attack 59: an agent may ask of the hub", () => {
  const own = "/apis/drover.dev/v1alpha1/namespaces/cluster-east";
  const lease = "/apis/coordination.k8s.io/v1/namespaces/cluster-east/leases/agent";
  test.each([
    ["GET", `${own}/accesssets?watch=1&allowWatchBookmarks=true`],
    ["GET", `${own}/accesssets/cluster`],
    ["PATCH", `${own}/accesssets/project-web/status?fieldManager=agent&force=true`],
    ["GET", "/apis/drover.dev/v1alpha1/clusterroletemplates?limit=500"],
    ["GET", "/apis/drover.dev/v1alpha1/clusterroletemplates/cluster-owner"],
    ["GET", `${own}/clusterreports/agent`],
    ["PATCH", `${own}/clusterreports/agent/status`],
    ["PATCH", lease],
    ["PUT", lease],
    ["GET", lease],
  ])("%s %s", (method, path) => {
    expect(mayAskHub("east", method, path)).toBe(true);
  });

  test.each([
    ["GET", `${own.replace("east", "west")}/accesssets`],
    ["GET", `${own.replace("east", "west")}/accesssets/cluster`],
    ["PATCH", `${own.replace("east", "west")}/accesssets/cluster/status`],
    ["PATCH", `${own.replace("east", "west")}/clusterreports/agent/status`],
    ["PATCH", lease.replace("east", "west")],
    ["GET", "/apis/drover.dev/v1alpha1/accesssets"],
    ["PATCH", `${own}/accesssets/cluster`],
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
    expect(mayAskHub("east", method, path)).toBe(false);
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
        if (!mayAskHub("east", method, path)) return;
        expect(path.includes("/namespaces/cluster-east/") || (method === "GET" && path.includes("/clusterroletemplates"))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
