/**
 * Compares resource versions of one server: negative when `a` is older. They are decimal numbers of up to 64 bits without leading zeros,
 * so the longer one is larger. Kubernetes guarantees the order within a resource; with a single etcd it holds for all resources.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
