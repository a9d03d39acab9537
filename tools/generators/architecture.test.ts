import { expect, test } from "@jest/globals";
import { AGENT_ON_HUB } from "../../lib/components/agent-on-hub.ts";
import { agentTable, jobsIn, reconcilerTable, withTable } from "./architecture.ts";

const widget = {
  name: "widget-count",
  subject: { kind: "Widget" },
  watches: [{ kind: { kind: "Secret" } }, { kind: { kind: "Secret" } }, { kind: { kind: "Node" }, side: "target" }],
  owns: { conditions: ["Counted"], kinds: [{ kind: "ConfigMap" }], patches: [{ kind: { kind: "Namespace" } }] },
};
const jobs = new Map([["widget-count", "Counts."]]);

test("a reconciler's row says what it is, each kind once", () => {
  const [, , row] = reconcilerTable([{ component: "agent", reconcilers: [widget] }], jobs);
  expect(row).toBe(
    "| `agent` | `widget-count` | Widget | Secret, Node in its cluster | ConfigMap, fields of Namespace, `Counted` | Counts. |",
  );
});

test("a header whose reconciler no component runs is refused", () => {
  expect(() => reconcilerTable([], jobs)).toThrow("widget-count");
});

test("a reconciler without a header is refused", () => {
  expect(() => reconcilerTable([{ component: "agent", reconcilers: [widget] }], new Map())).toThrow('"// widget-count"');
});

test.each<[string, string, readonly (readonly [string, string])[]]>([
  ["its first sentence", "// a-b\n// Does this. Exists because.\nimport", [["a-b", "Does this."]]],
  ["a sentence over two lines", "// a-b\n// Does this, in lib/x.ts\n// and that.\n\nimport", [["a-b", "Does this, in lib/x.ts and that."]]],
  [
    "the same for two reconcilers of one file",
    "// a-b, c-d\n// Do this.\nexport",
    [
      ["a-b", "Do this."],
      ["c-d", "Do this."],
    ],
  ],
  ["nothing without a sentence", "// a-b\nimport", []],
  ["nothing without a header", "import", []],
])("the job of a reconciler is %s", (_, source, expected) => {
  expect(jobsIn(source)).toEqual(expected);
});

test("a table replaces what stands between its marks, and nothing else", () => {
  const page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n";
  expect(withTable(page, "x", ["new"])).toBe(page.replace("old", "new"));
  expect(withTable(page, "y", ["new"])).toContain("<!-- generated: y -->\nnew\n<!-- end -->");
  expect(() => withTable(page, "z", [])).toThrow("generated: z");
});

test("what agents may do on the hub has a row for each kind", () => {
  const rows = agentTable([...AGENT_ON_HUB, { kind: { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false }, read: true }]);
  expect(rows).toHaveLength(2 + AGENT_ON_HUB.length + 1);
  expect(rows.at(-1)).toBe("| Node | all on the hub | get, list, watch | – |");
});
