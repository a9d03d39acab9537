import { expect, test } from "@jest/globals";
import type { KubeObject } from "../kube/object.ts";
import { HUB_GUARDS } from "./bundle.ts";
import { differences, fingerprint, versionOf } from "./difference.ts";

type Spec = Record<string, unknown>;
const WANTED = HUB_GUARDS.objects;
const changed = (kind: string, name: string, change: (spec: Spec) => Spec): KubeObject[] =>
  WANTED.map((object) =>
    object.kind === kind && object.metadata.name === name
      ? ({ ...object, spec: change((object as KubeObject & { spec: Spec }).spec) } as KubeObject)
      : object,
  );
const POLICY = "ValidatingAdmissionPolicy";
const BINDING = "ValidatingAdmissionPolicyBinding";
const NAME = "drover-namespaces";

const faults = (live: readonly KubeObject[]): string[] => differences(WANTED, live).map(({ message }) => message);

test("guards as they were written have no fault, whatever other policies there are", () => {
  const other = { apiVersion: "admissionregistration.k8s.io/v1", kind: POLICY, metadata: { name: "somebody-elses" }, spec: {} };
  expect(faults([...WANTED, other as KubeObject])).toEqual([]);
});

test("the fingerprint of the guards is another one after any of them was made anew or changed, even changed back", () => {
  const live = (change: object = {}) =>
    WANTED.map((object, index) => ({
      ...object,
      metadata: { ...object.metadata, uid: `u${index}`, generation: 1, ...(index === 3 && change) },
    }));
  const of = (objects: readonly KubeObject[]): string => fingerprint(versionOf(WANTED, objects));
  const before = of(live());
  expect(of([...live()].reverse())).toBe(before);
  expect(of(live({ resourceVersion: "9", labels: { a: "b" } }))).toBe(before);
  for (const change of [{ uid: "new" }, { generation: 3 }]) expect(of(live(change))).not.toBe(before);
  expect(of(live().slice(1))).not.toBe(before);
});

test("auditing beside denying is no fault", () => {
  expect(faults(changed(BINDING, NAME, (spec) => ({ ...spec, validationActions: ["Audit", "Deny"] })))).toEqual([]);
});

test("the order of conditions and variables, which are merged by name, means nothing", () => {
  const reversed = (spec: Spec): Spec => ({
    ...spec,
    matchConditions: [...(spec.matchConditions as unknown[])].reverse(),
    variables: [...(spec.variables as unknown[])].reverse(),
  });
  expect(faults(changed(POLICY, "drover-managed-objects", reversed))).toEqual([]);
});

test.each(["exempt", "constructor", "toString", "hasOwnProperty", "__proto__"])(
  "an added condition is seen, whatever its name: %s",
  (name) => {
    const added = { name, expression: "request.userInfo.username != 'mallory'" };
    const extended = (spec: Spec): Spec => ({ ...spec, matchConditions: [...(spec.matchConditions as unknown[]), added] });
    const [found] = differences(WANTED, changed(POLICY, "drover-managed-objects", extended));
    expect(found).toMatchObject({ is: "extended", message: expect.stringContaining("was changed") });
  },
);

const gone = (kind: string, how: (object: KubeObject) => KubeObject[]): KubeObject[] =>
  WANTED.flatMap((object) => (object.metadata.name === NAME && object.kind === kind ? how(object) : [object]));
const going = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
});
const selector = { matchLabels: { a: "b" } };

test.each<[string, KubeObject[], string, string]>([
  ["a policy that is gone", gone(POLICY, () => []), "absent", `${POLICY} ${NAME} does not exist`],
  ["a binding that is gone", gone(BINDING, () => []), "absent", `${BINDING} ${NAME} does not exist`],
  ["a policy that is being deleted", gone(POLICY, (object) => [going(object)]), "absent", `${POLICY} ${NAME} does not exist`],
  [
    "a binding that only audits",
    changed(BINDING, NAME, (spec) => ({ ...spec, validationActions: ["Audit"] })),
    "changed",
    `${BINDING} ${NAME} was changed: spec.validationActions`,
  ],
  [
    "a binding narrowed to some objects",
    changed(BINDING, NAME, (spec) => ({ ...spec, matchResources: { objectSelector: selector } })),
    "extended",
    `${BINDING} ${NAME} was changed: spec.matchResources`,
  ],
  [
    "a policy that lets pass what it cannot evaluate",
    changed(POLICY, NAME, (spec) => ({ ...spec, failurePolicy: "Ignore" })),
    "changed",
    `${POLICY} ${NAME} was changed: spec.failurePolicy`,
  ],
  [
    "a policy with one rule less",
    changed(POLICY, NAME, (spec) => ({ ...spec, validations: (spec.validations as unknown[]).slice(1) })),
    "changed",
    `${POLICY} ${NAME} was changed: spec.validations`,
  ],
  [
    "a policy with a condition beside which it does not look",
    changed(POLICY, "drover-hub-label", (spec) => ({ ...spec, matchConditions: [{ name: "never", expression: "false" }] })),
    "extended",
    `${POLICY} drover-hub-label was changed: spec.matchConditions`,
  ],
  [
    "a policy that had conditions and has one more",
    changed(POLICY, "drover-managed-objects", (spec) => ({
      ...spec,
      matchConditions: [...(spec.matchConditions as unknown[]), { name: "never", expression: "false" }],
    })),
    "extended",
    `${POLICY} drover-managed-objects was changed: spec.matchConditions.never`,
  ],
  [
    "a policy with two variables of one name",
    changed(POLICY, "drover-managed-objects", (spec) => ({
      ...spec,
      variables: [{ name: "allowed", expression: "true" }, ...(spec.variables as unknown[])],
    })),
    "extended",
    `${POLICY} drover-managed-objects was changed: spec.variables`,
  ],
  [
    "a policy that skips some namespaces",
    changed(POLICY, NAME, (spec) => ({ ...spec, matchConstraints: { ...(spec.matchConstraints as Spec), namespaceSelector: selector } })),
    "extended",
    `${POLICY} ${NAME} was changed: spec.matchConstraints.namespaceSelector.matchLabels`,
  ],
  [
    "a policy that skips some resources",
    changed(POLICY, NAME, (spec) => ({
      ...spec,
      matchConstraints: { ...(spec.matchConstraints as Spec), excludeResourceRules: [{ resources: ["*"] }] },
    })),
    "extended",
    `${POLICY} ${NAME} was changed: spec.matchConstraints.excludeResourceRules`,
  ],
  [
    "what is no policy at all",
    changed(POLICY, NAME, () => ({ matchConstraints: null, validations: "none", failurePolicy: "Fail" })),
    "changed",
    `${POLICY} ${NAME} was changed: spec.matchConstraints, spec.matchConditions, spec.variables, spec.validations`,
  ],
])("%s is a fault", (_, objects, is, message) => {
  expect(differences(WANTED, objects).map((one) => [one.is, one.message])).toEqual([[is, message]]);
});
