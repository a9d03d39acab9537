// Finalizers against a real API server: many writers of one list, none of whom may lose what another one put there.
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { auditedWrites } from "../../test/audit.ts";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { until } from "../../test/until.ts";
import { Widget, widgetDefinition } from "../../test/widget.ts";
import { ApiError, isInvalid, KubeClient } from "../kube/client.ts";
import { CustomResourceDefinition, Namespace, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../kube/core.ts";
import type { KubeObject } from "../kube/object.ts";
import { Finalizer } from "./finalizer.ts";

jest.setTimeout(120_000);

const namespace = "finalizers";
const FOREIGN = "test.drover.dev/foreign";
const never = new AbortController().signal;
let plane: TestControlPlane;
let admin: KubeClient;
let count = 0;
let key: { name: string; namespace: string };

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
  await admin.create(CustomResourceDefinition, widgetDefinition);
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await until(async () => (await admin.list(Widget)).items.length === 0, "widgets are served");
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});
beforeEach(() => {
  key = { name: `w${++count}`, namespace };
});

const make = (...finalizers: string[]): Promise<Widget> =>
  admin.create(Widget, { apiVersion: Widget.apiVersion, kind: Widget.kind, metadata: { ...key, finalizers }, spec: { size: 1 } });
const of = (name: string): Finalizer => new Finalizer(`test.drover.dev/${name}`, Widget, admin);
const several = (): Finalizer[] => Array.from({ length: 6 }, (_, index) => of(`r${index}`));
const names = several().map(({ name }) => name);
const listed = async (): Promise<readonly string[]> => (await admin.get(Widget, key)).metadata.finalizers ?? [];
const merge = (patch: object): Promise<Widget> => admin.patch(Widget, key, patch, { type: "merge" });
const status = (seen: number): Promise<unknown> => admin.patch(Widget, key, { status: { seen } }, { type: "merge", subresource: "status" });

/** As others do it: reads the list, changes it, and writes it if nobody was quicker, again and again. */
async function foreign(change: (finalizers: readonly string[]) => readonly string[]): Promise<void> {
  for (;;) {
    const { metadata } = await admin.get(Widget, key);
    try {
      await merge({ metadata: { resourceVersion: metadata.resourceVersion, finalizers: change(metadata.finalizers ?? []) } });
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409) throw error;
    }
  }
}

test("all who add theirs at once, from the same old view, beside status writes and somebody else's, have it there", async () => {
  const seen = await make();
  const others = Array.from({ length: 4 }, (_, index) => foreign((list) => [`${FOREIGN}${index}`, ...list]));
  await Promise.all([
    ...several().map((one) => one.hold(seen, never)),
    ...Array.from({ length: 10 }, (_, size) => status(size)),
    ...others,
  ]);
  expect([...(await listed())].sort()).toEqual([...names, ...[0, 1, 2, 3].map((index) => `${FOREIGN}${index}`)].sort());
});

test("one that is there already is not added a second time, though the view was older", async () => {
  const seen = await make(FOREIGN);
  for (let time = 0; time < 2; time++) await of("r").hold(seen, never);
  expect(await listed()).toEqual([FOREIGN, "test.drover.dev/r"]);
});

test("all who take theirs off at once, from the same old view, while somebody else's come and go, leave the others'", async () => {
  const seen = await make(`${FOREIGN}-old`, ...names);
  const others = Array.from({ length: 3 }, (_, index) => foreign((list) => [`${FOREIGN}${index}`, ...list]));
  const gone = foreign((list) => list.filter((name) => name !== `${FOREIGN}-old`));
  await Promise.all([
    ...several().map((one) => one.release(seen, never)),
    ...Array.from({ length: 8 }, (_, size) => status(size)),
    ...others,
    gone,
  ]);
  expect([...(await listed())].sort()).toEqual([0, 1, 2].map((index) => `${FOREIGN}${index}`));
});

test("one that somebody else added goes as well: it matters who it names, not who put it there", async () => {
  const seen = await make("test.drover.dev/r");
  await merge({ spec: { size: 2 } });
  await of("r").release(seen, never);
  expect(await listed()).toEqual([]);
});

test("what applies other fields of the subject under another name leaves it there", async () => {
  const seen = await make();
  await of("r").hold(seen, never);
  const intent: KubeObject = { apiVersion: Widget.apiVersion, kind: Widget.kind, metadata: { ...key, labels: { a: "b" } } };
  await admin.apply(Widget, intent, { fieldManager: "r" });
  expect(await listed()).toEqual(["test.drover.dev/r"]);
});

test("nothing is added to a subject that is going", async () => {
  const seen = await make(FOREIGN);
  await admin.delete(Widget, key);
  expect(await of("r").hold(seen, never)).toBeUndefined();
  expect(await listed()).toEqual([FOREIGN]);
});

test("a subject that is gone is not made anew, and to let go of it is no failure", async () => {
  const seen = await make("test.drover.dev/r");
  await of("r").release(seen, never);
  await admin.delete(Widget, key);
  expect(await of("r").hold(seen, never)).toBeUndefined();
  expect(await of("r").release(seen, never)).toBeUndefined();
  expect(await admin.find(Widget, key)).toBeUndefined();
});

test("another subject of the same name is left as it is", async () => {
  const seen = await make();
  await admin.delete(Widget, key);
  await make(FOREIGN, "test.drover.dev/r");
  expect(await of("s").hold(seen, never)).toBeUndefined();
  expect(await of("r").release({ ...seen, metadata: { ...seen.metadata, finalizers: ["x", "test.drover.dev/r"] } }, never)).toBeUndefined();
  expect(await listed()).toEqual([FOREIGN, "test.drover.dev/r"]);
});

test("what the server refuses for another reason is a failure, after one request", async () => {
  await make("test.drover.dev/r");
  const spec = {
    matchConstraints: {
      resourceRules: [{ apiGroups: ["test.drover.dev"], apiVersions: ["v1"], resources: ["widgets"], operations: ["UPDATE"] }],
    },
    matchConditions: [{ name: "this-one", expression: `object.metadata.name == "${key.name}"` }],
    validations: [{ expression: "false", message: "it stays as it is" }],
  };
  const metadata = { name: "stubborn.test.drover.dev" };
  const policy = { ...metadataOf(ValidatingAdmissionPolicy), metadata, spec } as ValidatingAdmissionPolicy;
  await admin.create(ValidatingAdmissionPolicy, policy);
  const bound = { policyName: metadata.name, validationActions: ["Deny"] };
  await admin.create(ValidatingAdmissionPolicyBinding, {
    ...metadataOf(ValidatingAdmissionPolicyBinding),
    metadata,
    spec: bound,
  } as ValidatingAdmissionPolicyBinding);
  const refused = async (what: Promise<unknown>): Promise<unknown> => (await what.catch((error: unknown) => error)) ?? "done";
  await until(async () => isInvalid(await refused(merge({ metadata: { labels: { a: "b" } } }))), "the policy is in force");
  const patches = (): number => auditedWrites(plane, namespace).filter((line) => line === `patch widgets ${key.name}`).length;
  await settled(patches);
  const before = patches();
  const seen = await admin.get(Widget, key);
  expect(await refused(of("r").release(seen, never))).toMatchObject({ code: 422, message: expect.stringContaining("it stays as it is") });
  expect(await refused(of("s").hold(seen, never))).toMatchObject({ code: 422, message: expect.stringContaining("it stays as it is") });
  await until(() => patches() >= before + 2, "both are in the audit log");
  expect(patches()).toBe(before + 2);
});

const metadataOf = ({ apiVersion, kind }: { apiVersion: string; kind: string }) => ({ apiVersion, kind });

/** The audit log is written a moment after the answer. */
async function settled(count: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const now = count();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 40;
  }, "the audit log has stopped growing");
}
