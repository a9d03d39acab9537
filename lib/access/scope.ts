// Which cluster, or which project of it, a namespace of the hub stands for. Names of clusters and projects hold no `--`,
// so there is one way to read each name.
import { isShortName } from "../../crds/v1alpha1/names.ts";

/** A cluster, or one project of it. */
export interface Scope {
  readonly cluster: string;
  readonly project?: string;
}

/** undefined for namespaces that, by their name, back neither a cluster nor a project. */
export function scopeOfNamespace(namespace: string): Scope | undefined {
  if (namespace.startsWith("cluster-")) {
    const cluster = namespace.slice("cluster-".length);
    return isShortName(cluster) ? { cluster } : undefined;
  }
  if (!namespace.startsWith("project-")) return undefined;
  const [cluster = "", project = "", ...rest] = namespace.slice("project-".length).split("--");
  return rest.length === 0 && isShortName(cluster) && isShortName(project) ? { cluster, project } : undefined;
}
