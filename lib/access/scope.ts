// Which cluster or project a namespace of the hub backs. Names of clusters and projects never contain `--`,
// so each name has one meaning.
import { isShortName } from "../../crds/v1alpha1/names.ts";

/** A cluster, or one project of it. */
export interface Scope {
  readonly cluster: string;
  readonly project?: string;
}

/** The scope that a namespace's name means; undefined when it means none. */
export function scopeOfNamespace(namespace: string): Scope | undefined {
  if (namespace.startsWith("cluster-")) {
    const cluster = namespace.slice("cluster-".length);
    return isShortName(cluster) ? { cluster } : undefined;
  }
  if (!namespace.startsWith("project-")) return undefined;
  const [cluster = "", project = "", ...rest] = namespace.slice("project-".length).split("--");
  return rest.length === 0 && isShortName(cluster) && isShortName(project) ? { cluster, project } : undefined;
}
