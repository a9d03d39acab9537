// What the demo's story needs to find: a user with a password, a project with a namespace, and a small right elsewhere in the cluster.
import { setTimeout as sleep } from "node:timers/promises";
import { SHOP } from "../controlplane/nodes.ts";
import { type Environment, HUB } from "./environment.ts";
import { adminKubectl, readHub } from "./planes.ts";

export const CLUSTER = "east";
export const USER = "alice";
export const TEMPLATE = "shop-operator";
export const PROJECT_NAMESPACE = `project-${CLUSTER}--${SHOP}`;

const API = "drover.dev/v1alpha1";
const LIMIT_MS = 60_000;

/** What the platform team has declared before the story begins. */
const hubObjects = (password: string): object[] => [
  { apiVersion: "v1", kind: "Secret", metadata: { name: `${USER}-password`, namespace: "drover-system" }, stringData: { password } },
  {
    apiVersion: API,
    kind: "User",
    metadata: { name: USER },
    spec: { displayName: "Alice", local: { passwordSecret: { name: `${USER}-password` } } },
  },
  {
    apiVersion: API,
    kind: "ClusterRoleTemplate",
    metadata: { name: TEMPLATE },
    spec: {
      displayName: "Operates the shop",
      context: "Project",
      rules: [
        { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] },
        { apiGroups: [""], resources: ["pods/exec"], verbs: ["get", "create"] },
      ],
    },
  },
  { apiVersion: API, kind: "Project", metadata: { name: SHOP, namespace: `cluster-${CLUSTER}` }, spec: { displayName: "Web shop" } },
  {
    apiVersion: API,
    kind: "ClusterRoleTemplateBinding",
    metadata: { name: `${USER}-sees-nodes`, namespace: `cluster-${CLUSTER}` },
    spec: { template: "nodes-view", subject: { kind: "User", name: USER } },
  },
];

/** The binding that the story applies and deletes. */
export const BINDING = {
  apiVersion: API,
  kind: "ProjectRoleTemplateBinding",
  metadata: { name: `${USER}-operates`, namespace: PROJECT_NAMESPACE },
  spec: { template: TEMPLATE, subject: { kind: "User", name: USER } },
};

const until = async (what: string, signal: AbortSignal, done: () => Promise<boolean>): Promise<void> => {
  const limit = performance.now() + LIMIT_MS;
  while (!(await done())) {
    if (performance.now() > limit) throw new Error(`${what}: not so after ${LIMIT_MS / 1000} s`);
    await sleep(100, undefined, { signal });
  }
};

interface Answer {
  status?: { conditions?: { type: string; status: string }[] };
  spec?: { users?: string[] };
}

/** Declares all of it and waits until it has taken effect. */
export const prepareSite = async (environment: Environment, password: string, signal: AbortSignal): Promise<void> => {
  const read = async (path: string): Promise<Answer> => (await readHub<Answer>(environment, path)) ?? {};
  const holds = async (path: string, type: string): Promise<boolean> =>
    (await read(path)).status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;

  await adminKubectl(environment, HUB, signal).apply(hubObjects(password));
  await adminKubectl(environment, CLUSTER, signal).run(["label", "namespace", SHOP, `drover.dev/project=${SHOP}`, "--overwrite"]);
  const base = `/apis/${API}`;
  await until("the user is accepted", signal, () => holds(`${base}/users/${USER}`, "Accepted"));
  await until("the template is accepted", signal, () => holds(`${base}/clusterroletemplates/${TEMPLATE}`, "Accepted"));
  await until("the project has its namespace", signal, () =>
    holds(`${base}/namespaces/cluster-${CLUSTER}/projects/${SHOP}`, "NamespaceReady"),
  );
  const members = `${base}/namespaces/cluster-${CLUSTER}/clustermembers/members`;
  await until("the user is a member of the cluster", signal, async () => (await read(members)).spec?.users?.includes(USER) ?? false);
  await until("the cluster applied it", signal, () => holds(`${base}/namespaces/cluster-${CLUSTER}/accesssets/cluster`, "Applied"));
};
