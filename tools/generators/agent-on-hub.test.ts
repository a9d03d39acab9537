// A new row of a kind that agents report changes Role, allow-list and guard. lib/guards/hub-cluster.itest.ts tests the same with a real API server.
import { expect, test } from "@jest/globals";
import { AGENT_ON_HUB, type AgentPermission, agentObjects, reportedKinds } from "../../lib/components/agent-on-hub.ts";
import { compiledKindsWith } from "../../lib/guards/hub.ts";
import { agentPermission } from "../../proxy/agents/allow.ts";
import { agentRoles } from "./hub-roles.ts";

const row: AgentPermission = {
  kind: { apiVersion: "drover.dev/v1alpha1", kind: "ClusterWidget", plural: "clusterwidgets", namespaced: true },
  name: "agent",
  read: true,
  patch: { part: "status", maxBytes: 1024, writer: "operator-clusters" },
};
const table = [...AGENT_ON_HUB, row];
const own = "/apis/drover.dev/v1alpha1/namespaces/cluster-east/clusterwidgets";

test("a row gives the agent's ClusterRole a rule in its namespace, on that one object, and all agents nothing", () => {
  const [clusterAgent, templateReaders] = agentRoles(table);
  const [before, readersBefore] = agentRoles();
  const added = clusterAgent?.rules?.filter((rule) => !JSON.stringify(before?.rules).includes(JSON.stringify(rule)));
  expect(added).toContainEqual({ apiGroups: ["drover.dev"], resources: ["clusterwidgets"], resourceNames: ["agent"], verbs: ["get"] });
  expect(added?.find(({ verbs }) => verbs.includes("patch"))).toMatchObject({ resourceNames: ["agent"], verbs: ["patch"] });
  expect(added?.flatMap(({ resources }) => resources)).toContain("clusterwidgets/status");
  expect(templateReaders).toEqual(readersBefore);
});

test.each([
  ["GET", `${own}/agent`, 1024],
  ["PATCH", `${own}/agent/status`, 1024],
  ["PATCH", `${own}/agent`, undefined],
  ["GET", own, undefined],
  ["PATCH", `${own}/other/status`, undefined],
  ["PATCH", `${own.replace("east", "west")}/agent/status`, undefined],
])("the proxy follows it: %s %s", (method, path, maxBytes) => {
  expect(agentPermission("east", method, path, table)?.patch?.maxBytes).toBe(maxBytes);
  expect(agentPermission("east", method, path)).toBeUndefined();
  expect(agentPermission("north", method, path, table)).toBeUndefined();
});

test("the guard follows it: the object by its writer, its status by the agent of that namespace too, under that name", () => {
  const { matches, variables } = compiledKindsWith(reportedKinds(table));
  expect(matches[0]?.resources).toEqual(expect.arrayContaining(["clusterwidgets", "clusterwidgets/status"]));
  const writers = variables?.writers?.split("\n").find((line) => line.includes("'clusterwidgets'"));
  expect(writers).toContain("system:serviceaccount:drover-system:operator-clusters");
  expect(writers).toContain(
    "variables.status && request.userInfo.username == 'system:serviceaccount:' + request.?namespace.orValue('') + ':agent'",
  );
  expect(writers).toContain("request.name == 'agent'");
});

test.each([
  ["/apis/drover.dev/v1alpha1/namespaces/cluster-east/clusterreports/agent/status", 64 * 1024],
  ["/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets/project-web/status", 64 * 1024],
  ["/apis/coordination.k8s.io/v1/namespaces/cluster-east/leases/agent", 4 * 1024],
])("of %s an agent sends so many bytes at once", (path, maxBytes) => {
  expect(agentPermission("east", "PATCH", path)?.patch?.maxBytes).toBe(maxBytes);
  expect(agentPermission("north", "PATCH", path)).toBeUndefined();
});

test("the writer of a named row creates the object in each cluster's namespace, because the agent may not", () => {
  const added = agentObjects("operator-clusters", "cluster-east", table).slice(agentObjects("operator-clusters", "cluster-east").length);
  const metadata = { name: "agent", namespace: "cluster-east", labels: { "app.kubernetes.io/managed-by": "drover" } };
  expect(added).toEqual([{ apiVersion: "drover.dev/v1alpha1", kind: "ClusterWidget", metadata, spec: {} }]);
});
