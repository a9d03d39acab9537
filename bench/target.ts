// API servers asked directly: where they are, and a ServiceAccount with a token to ask them with.
import type { Kubectl, Manifest } from "../e2e/harness/kubectl.ts";

export const serverOf = async (kubectl: Kubectl): Promise<string> =>
  await kubectl.must(["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);

/** A ServiceAccount in namespace default, bound to a ClusterRole everywhere; its token lasts for hours. */
export async function account(kubectl: Kubectl, name: string, clusterRole: string): Promise<{ token: string; remove(): Promise<void> }> {
  const objects: Manifest[] = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "default" } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: clusterRole },
      subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
    },
  ];
  await kubectl.apply(...objects);
  const token = (await kubectl.must(["create", "token", name, "-n", "default", "--duration=6h"])).trim();
  return { token, remove: async () => void (await kubectl.delete(...objects)) };
}
