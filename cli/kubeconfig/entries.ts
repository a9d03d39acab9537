// Pure: what a kubeconfig looks like with, or without, the entries of one Drover. Everything else in the file stays as it is.
// For cluster `east` and user `alice`: cluster and context `drover-east`, user `drover-alice`.

interface Named {
  readonly name: string;
}
export interface Kubeconfig {
  readonly clusters?: readonly (Named & { readonly cluster?: Readonly<Record<string, unknown>> })[] | null;
  readonly contexts?: readonly (Named & { readonly context?: Readonly<Record<string, unknown>> })[] | null;
  readonly users?: readonly (Named & { readonly user?: Readonly<Record<string, unknown>> })[] | null;
  readonly "current-context"?: string;
  readonly [other: string]: unknown;
}

export interface Entries {
  /** Base URL of the proxy, without a trailing slash. */
  readonly apiURL: string;
  /** PEM. */
  readonly ca?: string | undefined;
  readonly user: string;
  readonly token: string;
  readonly clusters: readonly string[];
  /** Begins every name, "drover-" unless somebody wants another. */
  readonly prefix: string;
}

export const EMPTY: Kubeconfig = { apiVersion: "v1", kind: "Config", clusters: [], contexts: [], users: [] };

/** Contexts for exactly these clusters; those of the same Drover that are not among them go. What people set on a context (a namespace) stays. */
export function withEntries(config: Kubeconfig, entries: Entries): Kubeconfig {
  const { apiURL, ca, user, token, prefix } = entries;
  const rest = withoutEntries(config, apiURL);
  const userName = `${prefix}${user}`;
  const names = entries.clusters.map((cluster) => `${prefix}${cluster}`);
  const before = new Map((config.contexts ?? []).map(({ name, context }) => [name, context]));
  const current = rest["current-context"] || config["current-context"] || names[0] || "";
  const kept = <T extends Named>(list: readonly T[] | null | undefined, taken: readonly string[]): readonly T[] =>
    (list ?? []).filter(({ name }) => !taken.includes(name));
  return {
    ...EMPTY,
    ...rest,
    clusters: [
      ...kept(rest.clusters, names),
      ...entries.clusters.map((cluster) => ({
        name: `${prefix}${cluster}`,
        cluster: { server: `${apiURL}/clusters/${cluster}`, ...authority(ca) },
      })),
    ],
    contexts: [
      ...kept(rest.contexts, names),
      ...names.map((name) => ({ name, context: { ...before.get(name), cluster: name, user: userName } })),
    ],
    users: [...kept(rest.users, [userName]), { name: userName, user: { token } }],
    "current-context": hasContext(rest, current) || names.includes(current) ? current : (names[0] ?? ""),
  };
}

/** Without the clusters behind this proxy, their contexts, and the users that only they had. */
export function withoutEntries(config: Kubeconfig, apiURL: string): Kubeconfig {
  const isOurs = (server: unknown): boolean => typeof server === "string" && server.startsWith(`${apiURL}/clusters/`);
  const gone = new Set((config.clusters ?? []).filter(({ cluster }) => isOurs(cluster?.server)).map(({ name }) => name));
  const contexts = (config.contexts ?? []).filter(({ context }) => !gone.has(String(context?.cluster)));
  const orphans = new Set((config.contexts ?? []).filter((one) => !contexts.includes(one)).map(({ context }) => String(context?.user)));
  for (const { context } of contexts) orphans.delete(String(context?.user));
  const rest: Kubeconfig = {
    ...config,
    clusters: (config.clusters ?? []).filter(({ name }) => !gone.has(name)),
    contexts,
    users: (config.users ?? []).filter(
      ({ name, user }) => !(orphans.has(name) && typeof user?.token === "string" && user.token.startsWith("drv_")),
    ),
  };
  const current = config["current-context"] ?? "";
  return { ...rest, "current-context": hasContext(rest, current) ? current : "" };
}

const hasContext = (config: Kubeconfig, name: string): boolean => (config.contexts ?? []).some((context) => context.name === name);

const authority = (ca: string | undefined) =>
  ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
