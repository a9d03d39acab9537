// What most stories need: a template, a project with a namespace in a managed cluster, a pod in it, bindings.
import { hub, type Manifest, managed } from "./kubectl.ts";
import { not, until } from "./until.ts";

const API = "drover.dev/v1alpha1";

export interface Site {
  readonly cluster: string;
  readonly project: string;
  /** The namespace in the managed cluster; it belongs to the project. */
  readonly namespace: string;
  /** Removes the project, and the namespace with all that is in it. */
  remove(): Promise<void>;
}

const projectYAML = (cluster: string, project: string, spec: object = {}): Manifest => ({
  apiVersion: API,
  kind: "Project",
  metadata: { name: project, namespace: `cluster-${cluster}` },
  spec: { displayName: project, ...spec },
});

export const namespaceYAML = (name: string, project?: string): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, ...(project === undefined ? {} : { labels: { "drover.dev/project": project } }) },
});

/** Makes a project, and in the managed cluster a namespace of the same name that belongs to it. */
export async function site(cluster: string, project: string): Promise<Site> {
  await hub().apply(projectYAML(cluster, project));
  await until(`the namespace of project ${project} on the hub`, () => hub().get("namespace", `project-${cluster}--${project}`));
  await managed(cluster).apply(namespaceYAML(project, project));
  return {
    cluster,
    project,
    namespace: project,
    async remove() {
      await managed(cluster).delete(namespaceYAML(project));
      await hub().delete(projectYAML(cluster, project));
    },
  };
}

/** A pod that is running, on one of the managed cluster's nodes. */
export async function runningPod(where: Site, name: string): Promise<void> {
  const kubectl = managed(where.cluster);
  await until(`the ServiceAccount that pods in ${where.namespace} run as`, () =>
    kubectl.get("serviceaccount", "default", "-n", where.namespace),
  );
  await kubectl.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: where.namespace },
    spec: { containers: [{ name: "main", image: "example.test/app:1" }], terminationGracePeriodSeconds: 0 },
  });
  await until(`pod ${name} runs`, async () => {
    const pod = await kubectl.get<{ status?: { phase?: string } }>("pod", name, "-n", where.namespace);
    return pod.status?.phase === "Running" ? true : not(pod.status);
  });
}

export interface Subject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  readonly provider?: string;
  readonly namespace?: string;
}

export const user = (name: string): Subject => ({ kind: "User", name });

export const projectBinding = (where: Site, name: string, template: string, subject: Subject, more: object = {}): Manifest => ({
  apiVersion: API,
  kind: "ProjectRoleTemplateBinding",
  metadata: { name, namespace: `project-${where.cluster}--${where.project}` },
  spec: { template, subject, ...more },
});

export const clusterBinding = (cluster: string, name: string, template: string, subject: Subject, more: object = {}): Manifest => ({
  apiVersion: API,
  kind: "ClusterRoleTemplateBinding",
  metadata: { name, namespace: `cluster-${cluster}` },
  spec: { template, subject, ...more },
});

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export const templateYAML = (name: string, rules: readonly Rule[], context: "Project" | "Cluster" = "Project"): Manifest => ({
  apiVersion: API,
  kind: "ClusterRoleTemplate",
  metadata: { name },
  spec: { displayName: name, context, rules, capabilities: [], inherits: [] },
});

export const readPods: Rule = { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] };
/** kubectl opens exec with a GET when it uses WebSockets, with a POST otherwise. */
export const execPods: Rule = { apiGroups: [""], resources: ["pods/exec"], verbs: ["create", "get"] };
