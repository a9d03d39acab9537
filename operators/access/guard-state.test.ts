import { expect, test } from "@jest/globals";
import { hubGuards } from "../../lib/guards/bundle.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { fingerprint, guardFaults } from "./guard-state.ts";

type Spec = Record<string, unknown>;
/** As the API server returns them: with defaults. */
const live = (): KubeObject[] =>
  hubGuards().map((object) => {
    const spec = (object as KubeObject & { spec: Spec }).spec;
    const constraints = spec.matchConstraints as { resourceRules: Spec[] } | undefined;
    const rules = constraints?.resourceRules.map((rule) => ({ ...rule, scope: "*" }));
    const defaults = { namespaceSelector: {}, objectSelector: {}, matchPolicy: "Equivalent" };
    return {
      ...object,
      spec: { ...spec, ...(rules && { matchConstraints: { ...constraints, ...defaults, resourceRules: rules } }) },
    } as KubeObject;
  });
const changed = (kind: string, name: string, change: (spec: Spec) => Spec): KubeObject[] =>
  live().map((object) =>
    object.kind === kind && object.metadata.name === name
      ? ({ ...object, spec: change((object as KubeObject & { spec: Spec }).spec) } as KubeObject)
      : object,
  );
const POLICY = "ValidatingAdmissionPolicy";
const BINDING = "ValidatingAdmissionPolicyBinding";
const NAME = "drover-namespaces";

test("guards as they were written, defaults filled in, have no fault", () => {
  expect(guardFaults(live())).toEqual([]);
});

test("the fingerprint of the guards is another one after any of them was made anew or changed, even changed back", () => {
  const known = (change: object = {}) =>
    live().map((object, index) => ({
      ...object,
      metadata: { ...object.metadata, uid: `u${index}`, generation: 1, ...(index === 3 && change) },
    }));
  const before = fingerprint(known());
  expect(fingerprint([...known()].reverse())).toBe(before);
  expect(fingerprint(known({ resourceVersion: "9", labels: { a: "b" } }))).toBe(before);
  for (const change of [{ uid: "new" }, { generation: 3 }]) expect(fingerprint(known(change))).not.toBe(before);
});

test("auditing beside denying is no fault", () => {
  expect(guardFaults(changed(BINDING, NAME, (spec) => ({ ...spec, validationActions: ["Audit", "Deny"] })))).toEqual([]);
});

test.each<[string, KubeObject[], string]>([
  [
    "a policy that is gone",
    live().filter((object) => object.metadata.name !== NAME || object.kind !== POLICY),
    `${POLICY} ${NAME} does not exist`,
  ],
  [
    "a binding that is gone",
    live().filter((object) => object.metadata.name !== NAME || object.kind !== BINDING),
    `${BINDING} ${NAME} does not exist`,
  ],
  [
    "a policy that is going",
    live().map((object) =>
      object.metadata.name === NAME && object.kind === POLICY
        ? { ...object, metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } }
        : object,
    ),
    `${POLICY} ${NAME} does not exist`,
  ],
  [
    "a binding that only audits",
    changed(BINDING, NAME, (spec) => ({ ...spec, validationActions: ["Audit"] })),
    `${BINDING} ${NAME} was changed`,
  ],
  [
    "a binding narrowed to some objects",
    changed(BINDING, NAME, (spec) => ({ ...spec, matchResources: { objectSelector: { matchLabels: { a: "b" } } } })),
    `${BINDING} ${NAME} was changed`,
  ],
  [
    "a policy that lets pass what it cannot judge",
    changed(POLICY, NAME, (spec) => ({ ...spec, failurePolicy: "Ignore" })),
    `${POLICY} ${NAME} was changed`,
  ],
  [
    "a policy with one rule less",
    changed(POLICY, NAME, (spec) => ({ ...spec, validations: (spec.validations as unknown[]).slice(1) })),
    `${POLICY} ${NAME} was changed`,
  ],
  [
    "a policy with a way around it",
    changed(POLICY, NAME, (spec) => ({ ...spec, matchConditions: [{ name: "never", expression: "false" }] })),
    `${POLICY} ${NAME} was changed`,
  ],
  [
    "a policy that skips some namespaces",
    changed(POLICY, NAME, (spec) => ({
      ...spec,
      matchConstraints: { ...(spec.matchConstraints as Spec), namespaceSelector: { matchLabels: { a: "b" } } },
    })),
    `${POLICY} ${NAME} was changed`,
  ],
])("%s is a fault", (_, objects, fault) => {
  expect(guardFaults(objects)).toEqual([fault]);
});
