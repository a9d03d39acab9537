import { expect, test } from "@jest/globals";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import type { Secret } from "../../../lib/kube/core.ts";
import type { Observed } from "./observe.ts";
import { MADE_FROM, type PrepareRegistration, plan, TOKEN_HASH } from "./plan.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
const cluster = (more: object = {}, name = "east"): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name, uid: "c1" },
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
  ...more,
});
const registration = (status: object = {}, expiresAt = "2026-06-02T00:00:00Z"): { is: "present"; value: ClusterRegistration } => ({
  is: "present",
  value: {
    apiVersion: "drover.dev/v1alpha1",
    kind: "ClusterRegistration",
    metadata: { name: "agent", namespace: "cluster-east" },
    spec: { tokenHash: "h1", expiresAt, once: true, approval: "Automatic" },
    status,
  },
});
const manifest = (madeFrom: string, hash = "h1"): { is: "present"; value: Secret } => ({
  is: "present",
  value: {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "agent-manifest", annotations: { [MADE_FROM]: madeFrom, [TOKEN_HASH]: hash } },
  },
});
const observed = (more: Partial<Observed> = {}): Observed => ({
  ownNamespace: true,
  registration: { is: "absent" },
  manifest: { is: "absent" },
  settings: "s1",
  ...more,
});
const effectsOf = (more: Partial<Observed>, of = cluster()) => (plan(of, observed(more), NOW).effects ?? []).map(({ type }) => type);
function madeFrom(): string {
  const [effect] = (plan(cluster(), observed(), NOW).effects ?? []) as readonly PrepareRegistration[];
  return effect?.madeFrom ?? "";
}

test("a cluster without a registration gets one", () => {
  expect(effectsOf({})).toEqual(["prepare-registration"]);
  expect(plan(cluster(), observed(), NOW).conditions).toMatchObject([{ type: "Registered", status: "False", reason: "WaitingForAgent" }]);
});

test("nothing happens while token and manifest fit each other, and it looks again before the token runs out", () => {
  const result = plan(cluster(), observed({ registration: registration(), manifest: manifest(madeFrom()) }), NOW);
  expect(result.effects ?? []).toEqual([]);
  expect(result.requeueAfter?.ms).toBeGreaterThan(0);
  expect(result.requeueAfter?.ms).toBeLessThanOrEqual(24 * 3600_000);
});

test.each<[string, Partial<Observed>]>([
  ["the token runs out", { registration: registration({}, "2026-06-01T00:00:30Z"), manifest: manifest(madeFrom()) }],
  ["the manifest is gone", { registration: registration() }],
  ["the manifest carries another token", { registration: registration(), manifest: manifest(madeFrom(), "h2") }],
  ["the process was given other URLs", { registration: registration(), manifest: manifest(madeFrom()), settings: "s2" }],
])("it is prepared again when %s", (_, more) => {
  expect(effectsOf(more)).toEqual(["prepare-registration"]);
});

test("it is prepared again when the ceiling changes", () => {
  const lower = cluster({ spec: { paused: false, import: {}, agent: { ceiling: "edit", groups: ["corp:devs"] } } });
  expect(effectsOf({ registration: registration(), manifest: manifest(madeFrom()) }, lower)).toEqual(["prepare-registration"]);
});

test("once an agent is on record, token and manifest are taken away, once, and none is made any more", () => {
  const registered = registration({ publicKey: "k" }, "2020-01-01T00:00:00Z");
  expect(effectsOf({ registration: registered, manifest: manifest("x") })).toEqual(["retire-registration"]);
  expect(effectsOf({ registration: registered })).toEqual([]);
  expect(plan(cluster(), observed({ registration: registered }), NOW).conditions).toMatchObject([{ status: "True", reason: "Registered" }]);
});

test("an agent that waits for approval is not registered yet", () => {
  const condition = { type: "Registered", status: "False", reason: "AwaitingApproval", message: "fingerprint x", lastTransitionTime: "" };
  const waiting = registration({ publicKey: "k", conditions: [condition] });
  expect(plan(cluster(), observed({ registration: waiting }), NOW).conditions).toMatchObject([
    { status: "False", reason: "AwaitingApproval", message: "fingerprint x" },
  ]);
});

test.each<[string, Cluster, Partial<Observed>]>([
  ["whose namespace is not Drover's", cluster(), { ownNamespace: false }],
  ["that is being deleted", cluster({ metadata: { name: "east", deletionTimestamp: "2026-01-01T00:00:00Z" } }), {}],
  ["that Drover would have to make itself", cluster({ spec: { paused: false, kind: {}, agent: { ceiling: "cluster-admin" } } }), {}],
  ["whose registration could not be read", cluster(), { registration: { is: "unreadable", because: "no answer" } }],
])("no token is made for a cluster %s", (_, of, more) => {
  expect(effectsOf(more, of)).toEqual([]);
});

test("a cluster that is being deleted does not ask for an agent, once its registration is gone", () => {
  const going = cluster({ metadata: { name: "east", deletionTimestamp: "2026-01-01T00:00:00Z" } });
  expect(plan(going, observed({ registration: { is: "absent" } }), NOW).conditions).toEqual([]);
});

test("a cluster that this version cannot make says so, instead of waiting for an agent", () => {
  const made = cluster({ spec: { paused: false, gke: {}, agent: { ceiling: "cluster-admin" } } });
  expect(plan(made, observed(), NOW).conditions).toMatchObject([{ type: "Registered", status: "False", reason: "EngineUnsupported" }]);
});

test("no plan speaks of a token: there is none in what it sees", () => {
  const { settings, ...rest } = observed({ registration: registration(), manifest: manifest("x") });
  expect(JSON.stringify(plan(cluster(), { settings, ...rest }, NOW))).not.toContain("drvr_");
});
