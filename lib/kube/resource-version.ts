/**
 * Orders resource versions of one server: negative when `a` is older. They are decimal numbers of up to 64 bits without leading zeros,
 * so the longer is the larger. Kubernetes promises the order within a resource; with one etcd behind it, it holds for all.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
