import { expect, test } from "@jest/globals";
import type { ReportStatus } from "../../crds/v1alpha1/clusterreport.ts";
import { evaluateReport } from "./report-conditions.ts";

const good: ReportStatus = {
  healthy: true,
  guards: { state: "Enforced" },
  access: { epochs: [{ set: "cluster", epoch: 1 }] },
};

test.each<[string, ReportStatus, string, string]>([
  ["everything holds", good, "True Healthy", "True Applied"],
  ["an agent that has seen nothing yet", {}, "Unknown NotReported", "False GuardsNotEnforced"],
  ["an API server that is not ready", { ...good, healthy: false }, "False Unhealthy", "True Applied"],
  ["guards that let a probe through", { ...good, guards: { state: "Missing" } }, "True Healthy", "False GuardsNotEnforced"],
  ["guards that could not be tried", { ...good, guards: { state: "Unknown" } }, "True Healthy", "False GuardsNotEnforced"],
  ["the set that lists all others is not applied", { ...good, access: { epochs: [] } }, "True Healthy", "False NotApplied"],
  [
    "a hub that was restored",
    { ...good, access: { ...good.access, restored: [{ object: "AccessSet project-web", epoch: 1 }] } },
    "True Healthy",
    "False HubRestored",
  ],
])("%s", (_, report, healthy, applied) => {
  const conditions = evaluateReport(report);
  expect(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`])).toEqual([
    ["Healthy", healthy],
    ["AccessApplied", applied],
  ]);
  for (const { status, message } of conditions) expect(message === "").toBe(status === "True");
});

test("a long message is cut, and no character in two", () => {
  const [, applied] = evaluateReport({ ...good, guards: { state: "Missing", message: `x${"\u{1f600}".repeat(600)}` } });
  expect(applied?.message.length).toBeLessThanOrEqual(512);
  expect(applied?.message.isWellFormed()).toBe(true);
});
