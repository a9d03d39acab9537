// A cluster administrator changes what the agent applied: the drift is corrected, nothing of the change stays, and it is counted.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed } from "../harness/answers.ts";
import { dev } from "../harness/command.ts";
import { clusterBinding, projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub, type Manifest, managed } from "../harness/kubectl.ts";
import { not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

jest.setTimeout(180_000);

const NAME = "drover:dr-web:dr-reader";
const template = templateYAML("dr-reader", [readPods]);
const views = clusterBinding("east", "dr-erin-views", "cluster-viewer", user("dr-erin"));
let where: Site;
let erin: TestUser;

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "dr-web");
  erin = await createUser("dr-erin");
  await hub().apply(projectBinding(where, "erin-reads", "dr-reader", user("dr-erin")), views);
  await untilAllowed(erin.kubectl("east"), ["get", "pods", "-n", where.namespace]);
});

afterAll(async () => {
  await hub().delete(views);
  await deleteUser("dr-erin");
  await where.remove();
  await hub().delete(template);
});

interface Binding extends Manifest {
  readonly metadata: Manifest["metadata"] & { readonly uid: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
}

const binding = (): Promise<Binding> => managed("east").get<Binding>("rolebinding", NAME, "-n", where.namespace);

const corrections = async (): Promise<number> => {
  const report = await hub().get<{ status?: { access?: { corrected?: number } } }>("clusterreport", "agent", "-n", "cluster-east");
  return report.status?.access?.corrected ?? 0;
};

/** Makes a change, waits until `corrected` holds, and then until the report counts one more correction. */
async function expectCorrection(what: string, damage: () => Promise<unknown>, corrected: () => Promise<unknown>): Promise<void> {
  const before = await corrections();
  await damage();
  await until(what, corrected);
  await until(`${what}: counted`, async () => {
    const now = await corrections();
    return now > before ? now : not(`corrections: ${now}, before: ${before}`);
  });
}

test("a deleted RoleBinding comes back", async () => {
  const { uid } = await binding();
  await expectCorrection(
    "the binding is back",
    () => managed("east").must(["delete", "rolebinding", NAME, "-n", where.namespace]),
    async () => ((await binding()).metadata.uid !== uid ? true : not("the old one")),
  );
  await untilAllowed(erin.kubectl("east"), ["get", "pods", "-n", where.namespace]);
});

test("a subject added to a RoleBinding is taken out again", async () => {
  const added = [{ op: "add", path: "/subjects/-", value: { kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "mallory" } }];
  await expectCorrection(
    "mallory is out",
    () => managed("east").must(["patch", "rolebinding", NAME, "-n", where.namespace, "--type=json", "-p", JSON.stringify(added)]),
    async () => {
      const { subjects } = await binding();
      return subjects?.length === 1 && subjects[0]?.name === "drover:user:dr-erin" ? true : not(subjects);
    },
  );
});

test("a squatter of the name with another roleRef is replaced, not merged", async () => {
  const squatter: Manifest = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: NAME, namespace: where.namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "mallory" }],
  };
  await expectCorrection(
    "the binding refers to its template again",
    async () => {
      // Behind the agent's back: it would be faster than two requests.
      await dev("stop", "agent:east");
      await managed("east").must(["delete", "rolebinding", NAME, "-n", where.namespace]);
      await managed("east").must(["create", "-f", "-"], { input: JSON.stringify(squatter) });
      await dev("start", "agent:east");
    },
    async () => {
      const { roleRef, subjects } = await binding();
      return roleRef.name === "drover:dr-reader" && subjects?.length === 1 && subjects[0]?.name === "drover:user:dr-erin"
        ? true
        : not({ roleRef, subjects });
    },
  );
});

test("rules added to a template's ClusterRole are taken out, and an aggregationRule with them", async () => {
  const role = () =>
    managed("east").get<{ rules: readonly { verbs: readonly string[] }[]; aggregationRule?: unknown }>("clusterrole", "drover:dr-reader");
  const more = [{ op: "add", path: "/rules/-", value: { apiGroups: ["*"], resources: ["*"], verbs: ["*"] } }];
  await expectCorrection(
    "the wildcard is out",
    () => managed("east").must(["patch", "clusterrole", "drover:dr-reader", "--type=json", "-p", JSON.stringify(more)]),
    async () => {
      const { rules } = await role();
      return rules.every(({ verbs }) => !verbs.includes("*")) ? true : not(rules);
    },
  );
  const aggregation = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { "kubernetes.io/bootstrapping": "rbac-defaults" } }] } };
  await expectCorrection(
    "the aggregationRule is gone",
    () => managed("east").must(["patch", "clusterrole", "drover:dr-reader", "--type=merge", "-p", JSON.stringify(aggregation)]),
    async () => {
      const { aggregationRule, rules } = await role();
      return aggregationRule === undefined && rules.length === 1 ? true : not({ aggregationRule, rules });
    },
  );
});

test("a deleted ClusterRoleBinding of a cluster-wide grant comes back", async () => {
  const get = () => managed("east").get("clusterrolebinding", "drover:cluster-viewer");
  await until("the binding is there", get);
  await expectCorrection("the binding is back", () => managed("east").must(["delete", "clusterrolebinding", "drover:cluster-viewer"]), get);
});

test("a RoleBinding to a drover: subject by a user without the right is refused", async () => {
  await managed("east").apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "owner", namespace: where.namespace } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "owner-is-admin", namespace: where.namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" },
      subjects: [{ kind: "ServiceAccount", name: "owner", namespace: where.namespace }],
    },
  );
  const create = ["create", "rolebinding", "back-door", "-n", where.namespace, "--clusterrole=view", "--user=drover:user:dr-erin"];
  const as = [`--as=system:serviceaccount:${where.namespace}:owner`];
  const refused = await until("the owner is refused by the guard", async () => {
    const result = await managed("east").run([...create, ...as]);
    return result.code !== 0 && result.stderr.includes("drover") ? result : not(result.stderr || result.stdout);
  });
  expect(refused.stderr).toMatch(/is forbidden: ValidatingAdmissionPolicy .*needs the right to use \/drover\.dev\/managed-objects/);
  // The same account may bind other subjects: the guard concerns subjects of Drover only.
  await managed("east").must(["create", "rolebinding", "front-door", "-n", where.namespace, "--clusterrole=view", "--user=jane", ...as]);
});

test("a namespace's project label cannot be taken by a user without the right on that project", async () => {
  const labels = {
    apiGroups: [""],
    resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
    verbs: ["get", "patch", "update"],
  };
  const role: Manifest = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "dr-labels" },
    rules: [labels],
  };
  const allows: Manifest = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "dr-labels" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "dr-labels" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "mallory" }],
  };
  await managed("east").apply(role, allows);
  const patch = (labels: object, ...more: string[]) =>
    managed("east").run([
      "patch",
      "namespace",
      where.namespace,
      "--as=mallory",
      "--type=merge",
      "-p",
      JSON.stringify({ metadata: { labels } }),
      ...more,
    ]);
  await until("mallory may label namespaces", async () => {
    const { code, stderr } = await patch({ colour: "blue" });
    return code === 0 ? true : not(stderr);
  });
  for (const more of [[], ["--subresource=status"]]) {
    for (const project of ["other", null]) {
      const { code, stderr } = await patch({ "drover.dev/project": project }, ...more);
      expect([project, more, code]).toEqual([project, more, 1]);
      expect(stderr).toContain(`(Forbidden)`);
      expect(stderr).toContain(`needs the right to use /drover.dev/projects/${project ?? "dr-web"}/namespaces`);
    }
  }
  await managed("east").delete(allows, role);
});
