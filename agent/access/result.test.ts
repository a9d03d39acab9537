import { describe, expect, test } from "@jest/globals";
import type { SeenSet } from "./known.ts";
import { type PassResult, refusedBySet, resultOf } from "./result.ts";

const set = (name: string, project: string | undefined, templates: string[], subjects: string[] = ["alice"]): SeenSet => ({
  name,
  scope: project === undefined ? "Cluster" : "Project",
  ...(project !== undefined && { project: { name: project, uid: project } }),
  uid: name,
  createdAt: "2026-01-01T00:00:00Z",
  history: ["7-00000000"],
  part: 1,
  bindings: templates.map((template) => ({ template, subjects: subjects.map((subject) => ({ kind: "Group" as const, name: subject })) })),
});
const SETS = [
  set("cluster", undefined, ["viewer"], ["drover:group:corp:ops"]),
  set("cluster--part-2", undefined, ["viewer"]),
  set("project-web", "web", ["reader", "external"]),
  set("project-api", "api", ["reader"]),
];
const concerned = (object: string, more: object = {}): string[] =>
  [...refusedBySet(SETS, [{ object, message: "m", ...more }]).keys()].sort();

describe("what was refused concerns", () => {
  test.each<[string, string, string[], object?]>([
    ["a set that is refused itself", "AccessSet project-web", ["project-web"]],
    ["the project of a binding that is wanted", "RoleBinding a/drover:web:reader", ["project-web"]],
    [
      "the project of a binding that is to go, though its set no longer names the template",
      "RoleBinding a/drover:web:former",
      ["project-web"],
    ],
    ["the index, when the whole project is to go", "RoleBinding a/drover:gone:reader", ["cluster"]],
    ["each set that gives a role", "ClusterRole drover:reader", ["project-api", "project-web"]],
    ["the index, when nothing gives a role any more", "ClusterRole drover:former", ["cluster"]],
    ["the project whose namespaces somebody may make", "ClusterRole drover:api:create-namespaces", ["project-api"]],
    ["that project also by the binding", "ClusterRoleBinding drover:api:create-namespaces:reader", ["project-api"]],
    ["each part of what holds cluster-wide", "ClusterRoleBinding drover:viewer:2", ["cluster", "cluster--part-2"]],
    ["the project that a namespace was to join", "Namespace a", ["project-web"], { project: "web" }],
    ["the index, when a namespace was to leave all projects", "Namespace a", ["cluster"]],
    [
      "the sets with a group that cannot be passed on",
      "ClusterRole drover:impersonator",
      ["cluster"],
      { groups: ["drover:group:corp:ops"] },
    ],
  ])("%s", (_, object, names, more = {}) => {
    expect(concerned(object, more)).toEqual(names);
  });
});

describe("a set says Applied", () => {
  const all: PassResult = { restored: new Set(), refused: [], waiting: new Set(), held: 0, failed: false };
  const web = SETS[2] as SeenSet;

  test.each<[string, Partial<PassResult>, string]>([
    ["when all of it is so", {}, "Applied"],
    ["not while something is refused", { refused: [{ object: "o", message: "m" }] }, "PartlyRefused"],
    ["not while a template of it is not known", { waiting: new Set(["project-web"]) }, "Applying"],
    ["whatever another set waits for", { waiting: new Set(["project-api"]) }, "Applied"],
    ["not while requests fail", { failed: true }, "Applying"],
    ["not while the guards are not in force", { held: 1 }, "GuardsNotEnforced"],
    ["not while the hub says something that does not go on from it", { restored: new Set(["AccessSet project-web"]) }, "HubRestored"],
  ])("%s", (_, pass, reason) => {
    expect(resultOf(web, { ...all, ...pass }).condition).toMatchObject({ reason, status: reason === "Applied" ? "True" : "False" });
  });
});
