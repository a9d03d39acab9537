// Which cluster, or which project of it, a namespace of the hub stands for. Names of clusters and projects hold no `--`,
// so there is one way to read each name.

/** A cluster, or one project of it. */
export interface Scope {
  readonly cluster: string;
  readonly project?: string;
}

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** undefined for namespaces that, by their name, back neither a cluster nor a project. */
export function scopeOfNamespace(namespace: string): Scope | undefined {
  if (namespace.startsWith("cluster-")) {
    const cluster = namespace.slice("cluster-".length);
    return isName(cluster) ? { cluster } : undefined;
  }
  if (!namespace.startsWith("project-")) return undefined;
  const [cluster = "", project = "", ...rest] = namespace.slice("project-".length).split("--");
  return rest.length === 0 && isName(cluster) && isName(project) ? { cluster, project } : undefined;
}

const isName = (name: string): boolean => LABEL.test(name) && !name.includes("--") && name.length <= 26;
