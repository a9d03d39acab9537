// What nobody may do on the hub, whatever his rights: bind a locked template anew, and delete the Cluster `hub`. All that is tried here
// is tried as the administrator of everything.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { ClusterRoleTemplateBinding } from "../../../crds/v1alpha1/clusterroletemplatebinding.ts";
import { GlobalRole } from "../../../crds/v1alpha1/globalrole.ts";
import { ProjectRoleTemplateBinding } from "../../../crds/v1alpha1/projectroletemplatebinding.ts";
import type { ApiError } from "../../kube/client.ts";
import type { Kind, KubeObject } from "../../kube/object.ts";
import { startHub, type TestHub } from "../../testing/hub.ts";
import { until } from "../../testing/until.ts";
import { HUB, LABEL } from "../names.ts";

jest.setTimeout(120_000);

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub({ controllerManager: true });
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

type AnyKind = Kind<KubeObject>;
type Written = KubeObject & { readonly spec: object };

const object = (kind: AnyKind, name: string, spec: object): Written => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  metadata: { name, ...(kind.namespaced && { namespace: "default" }) },
  spec,
});
const apply = (kind: AnyKind, wanted: KubeObject, dryRun = false) => hub.admin.apply(kind, wanted, { fieldManager: "people", dryRun });

/** Refused by that guard: 403 with reason Forbidden, and a message that says so. */
const refused = async (action: Promise<unknown>, policy: string, says: string): Promise<void> => {
  const error: unknown = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 403, reason: "Forbidden" });
  expect((error as ApiError).message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
  expect((error as ApiError).message).toContain(says);
};

/** Waits until the action fares as it is to; it is tried again and again. */
const eventually = (what: string, action: () => Promise<unknown>): Promise<void> => until(() => action().then(() => true), what);

describe("attack 17: locked templates cannot be newly bound:", () => {
  const template = (name: string, spec: object = {}) =>
    object(ClusterRoleTemplate, name, { displayName: name, context: "Cluster", ...spec });
  const inheriting = (name: string, ...inherits: string[]) => template(name, { inherits });
  const binding = (kind: AnyKind, name: string, of: string, more: object = {}) =>
    object(kind, name, { template: of, subject: { kind: "User", name: "alice" }, ...more });
  const everywhere = (of: string) => ({ template: of, clusterSelector: {} });
  const inProd = (of: string) => ({ template: of, clusterSelector: { matchLabels: { env: "prod" } } });
  const role = (name: string, ...grants: object[]) => object(GlobalRole, name, { displayName: name, grants });

  const BOUND = "drover-locked-templates-bound";
  const GRANTED = "drover-locked-templates-granted";
  const INHERITED = "drover-locked-templates-inherited";
  const says = "ClusterRoleTemplate old is locked: ";

  /** There before the lock, and naming the template. */
  const before: readonly (readonly [AnyKind, Written])[] = [
    [ClusterRoleTemplateBinding, binding(ClusterRoleTemplateBinding, "before", "old")],
    [ProjectRoleTemplateBinding, binding(ProjectRoleTemplateBinding, "before", "old")],
    [GlobalRole, role("before", inProd("old"))],
    [ClusterRoleTemplate, inheriting("before", "old")],
  ];
  const attempt = () => apply(ClusterRoleTemplateBinding, binding(ClusterRoleTemplateBinding, "attempt", "old"), true);

  beforeAll(async () => {
    for (const [kind, wanted] of [
      [ClusterRoleTemplate, template("old")] as const,
      [ClusterRoleTemplate, template("other")] as const,
      [GlobalRole, role("harmless", everywhere("other"))] as const,
      [ClusterRoleTemplate, inheriting("harmless", "other")] as const,
      ...before,
    ]) {
      await apply(kind, wanted);
    }
    await apply(ClusterRoleTemplate, template("old", { locked: true }));
    await eventually("admission knows of the lock", () => refused(attempt(), BOUND, says));
    // Each policy takes effect by itself.
    await eventually("roles are guarded", () => refused(apply(GlobalRole, role("attempt", inProd("old")), true), GRANTED, says));
    await eventually("templates are guarded", () =>
      refused(apply(ClusterRoleTemplate, inheriting("attempt", "old"), true), INHERITED, says),
    );
  });

  test.each<[string, AnyKind]>([
    ["cluster", ClusterRoleTemplateBinding],
    ["project", ProjectRoleTemplateBinding],
  ])("not in a %s, by create or by apply", async (_where, kind) => {
    const wanted = binding(kind, "new", "old");
    await refused(hub.admin.create(kind, wanted), BOUND, `${says}no new binding can name it; use another template, or unlock it`);
    await refused(apply(kind, wanted), BOUND, says);
  });

  test("not by a new GlobalRole, nor by one that did not grant it", async () => {
    await refused(hub.admin.create(GlobalRole, role("new", everywhere("other"), inProd("old")) as GlobalRole), GRANTED, says);
    await refused(apply(GlobalRole, role("harmless", everywhere("other"), inProd("old"))), GRANTED, says);
    const patch = [{ op: "add", path: "/spec/grants/-", value: inProd("old") }];
    await refused(hub.admin.patch(GlobalRole, { name: "harmless" }, patch, { type: "json" }), GRANTED, says);
  });

  test("not in more clusters by a GlobalRole that granted it in some", async () => {
    await refused(apply(GlobalRole, role("before", everywhere("old"))), GRANTED, `${says}a GlobalRole keeps or drops its grants of it`);
    await refused(apply(GlobalRole, role("before", inProd("old"), everywhere("old"))), GRANTED, says);
  });

  test("not through a template that inherits it, be it new or changed", async () => {
    await refused(apply(ClusterRoleTemplate, inheriting("new", "other", "old")), INHERITED, `${says}no further template can inherit it`);
    await refused(apply(ClusterRoleTemplate, inheriting("harmless", "other", "old")), INHERITED, says);
  });

  test("what named it before is applied again, changed in other respects, and gets its status", async () => {
    for (const [kind, wanted] of before) {
      const { name, namespace } = wanted.metadata;
      const key = { name, ...(namespace !== undefined && { namespace }) };
      await apply(kind, wanted);
      await hub.admin.patch(kind, key, { metadata: { labels: { team: "blue" } } }, { type: "merge" });
      const Accepted = { type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
      await hub.admin.patch(kind, key, { status: { conditions: [Accepted] } }, { type: "merge", subresource: "status" });
    }
    const expiresAt = "2030-01-01T00:00:00Z";
    await apply(ClusterRoleTemplateBinding, binding(ClusterRoleTemplateBinding, "before", "old", { expiresAt }));
    await apply(GlobalRole, role("before", everywhere("other"), inProd("old")));
    await apply(ClusterRoleTemplate, inheriting("before", "other", "old"));
  });

  test("the locked template itself is edited as before", async () => {
    await apply(ClusterRoleTemplate, template("old", { locked: true, inherits: ["other"], displayName: "Old" }));
  });

  test("other templates are bound, also before they exist", async () => {
    for (const name of ["other", "to-come"]) {
      await apply(ClusterRoleTemplateBinding, binding(ClusterRoleTemplateBinding, `binds-${name}`, name));
      await apply(GlobalRole, role(`grants-${name}`, everywhere(name)));
      await apply(ClusterRoleTemplate, inheriting(`inherits-${name}`, name));
    }
  });

  test("unlocked, it can be bound again", async () => {
    await apply(ClusterRoleTemplate, template("old", { locked: false }));
    await eventually("the binding is let in", attempt);
    await apply(ClusterRoleTemplate, template("old", { locked: true }));
  });

  test("where there is no template at all, bindings, roles and the first template are let in", async () => {
    await eventually("admission knows of the lock", () => refused(attempt(), BOUND, says));
    const { items } = await hub.admin.list(ClusterRoleTemplate);
    const names = items.map(({ metadata }) => metadata.name).filter((name) => name !== "old");
    // The locked one last: once admission has forgotten it, it has forgotten the others.
    for (const name of [...names, "old"]) await hub.admin.delete(ClusterRoleTemplate, { name });
    await eventually("admission has forgotten the templates", attempt);
    await apply(GlobalRole, role("first", everywhere("to-come")), true);
    await apply(ClusterRoleTemplate, inheriting("first", "to-come"), true);
  });
});

describe("the Cluster `hub`, with which everybody's access to the hub would go", () => {
  const cluster = (name: string, more: object = {}) => ({
    ...object(Cluster, name, { import: {} }),
    metadata: { name, labels: { fleet: "a", ...(name === HUB && { [LABEL.hub]: "true" }) }, ...more },
  });
  const says = "the Cluster `hub` is the hub itself";
  const DELETED = "drover-hub-cluster";
  const there = () => hub.admin.find(Cluster, { name: HUB });

  beforeAll(async () => {
    for (const name of [HUB, "east", "west"]) await apply(Cluster, cluster(name));
    await eventually("the hub is guarded", () => refused(hub.admin.delete(Cluster, { name: HUB }, { dryRun: true }), DELETED, says));
  });

  test("is not deleted by an administrator of everything", async () => {
    await refused(hub.admin.delete(Cluster, { name: HUB }), DELETED, says);
    await refused(hub.admin.delete(Cluster, { name: HUB }, { propagationPolicy: "Foreground" }), DELETED, says);
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("is not deleted among others", async () => {
    await refused(hub.admin.request("DELETE", "/apis/drover.dev/v1alpha1/clusters?labelSelector=fleet%3Da"), DELETED, says);
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("is not deleted by the garbage collector for somebody who gives it an owner that is gone", async () => {
    const owner = { apiVersion: "drover.dev/v1alpha1", kind: "GlobalRole", name: "gone", uid: randomUUID() };
    await hub.admin.patch(Cluster, { name: HUB }, { metadata: { ownerReferences: [owner] } }, { type: "merge" });
    await until(collectorRefused, "the garbage collector tried, and was refused");
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
    await hub.admin.patch(Cluster, { name: HUB }, { metadata: { ownerReferences: null } }, { type: "merge" });
  });

  test("other clusters are deleted as before", async () => {
    await apply(Cluster, cluster("east"));
    await hub.admin.delete(Cluster, { name: "east" });
    expect(await hub.admin.find(Cluster, { name: "east" })).toBeUndefined();
  });

  test("goes with its kind, so that Drover can be taken away without touching the guards", async () => {
    await hub.kubectl(["delete", "crd", "clusters.drover.dev", "--timeout=60s"]);
    await hub.kubectl(["apply", "--server-side", "-k", join(import.meta.dirname, "../../../crds/manifests")]);
    await hub.kubectl(["wait", "--for=condition=Established", "crd", "clusters.drover.dev", "--timeout=60s"]);
    await until(async () => (await there()) === undefined, "the kind is served again, without the Cluster");
  });
});

/** From the API server's audit log: the collector tried to delete the Cluster and was answered 403. */
function collectorRefused(): boolean {
  return readFileSync(hub.plane.auditLog, "utf8")
    .split("\n")
    .some(
      (line) =>
        line.includes('"verb":"delete"') &&
        line.includes("system:serviceaccount:kube-system:generic-garbage-collector") &&
        line.includes('"resource":"clusters","name":"hub"') &&
        line.includes('"code":403'),
    );
}
