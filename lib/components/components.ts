// The processes of Drover, one row each. Bundles, manifests, Roles, the accounts in guards, the names that no template may have, User-Agents,
// the development environment and a table in docs/architecture.md follow from it.

export interface Component {
  /**
   * operator: on the hub; of several replicas the one that holds the Lease of the component's name is active.
   * server: on the hub; every replica serves HTTPS.
   * agent: one in each cluster.
   */
  readonly type: "operator" | "server" | "agent";
  /** What it does, in one sentence. */
  readonly purpose: string;
  /** Its main file, bundled as dist/<name>.mjs. */
  readonly entry: string;
}

/** The name of a component is also that of its bundle, of its ServiceAccount in drover-system and, on the hub, of its Deployment. */
export const COMPONENTS = {
  "operator-identity": {
    type: "operator",
    purpose: "Keeps accounts and identity providers, hashes passwords and deletes tokens that have ended.",
    entry: "operators/identity/main.ts",
  },
  "operator-access": {
    type: "operator",
    purpose: "Compiles templates and bindings into what agents apply and what the proxy checks.",
    entry: "operators/access/main.ts",
  },
  "operator-clusters": {
    type: "operator",
    purpose: "Keeps the namespaces of clusters and projects, registers agents and sums up what they report.",
    entry: "operators/clusters/main.ts",
  },
  auth: {
    type: "server",
    purpose: "Logs users and agents in, and issues their tokens.",
    entry: "auth/main.ts",
  },
  proxy: {
    type: "server",
    purpose: "Forwards requests of users to clusters and requests of agents to the hub.",
    entry: "proxy/main.ts",
  },
  agent: {
    type: "agent",
    purpose: "Applies in its cluster what the hub grants, forwards requests to the cluster's API server, and reports to the hub.",
    entry: "agent/main.ts",
  },
} as const satisfies Readonly<Record<string, Component>>;

export type ComponentName = keyof typeof COMPONENTS;

/** Those that run on the hub. */
export type HubComponentName = { [Name in ComponentName]: (typeof COMPONENTS)[Name]["type"] extends "agent" ? never : Name }[ComponentName];

export const COMPONENT_NAMES = Object.keys(COMPONENTS) as readonly ComponentName[];
export const HUB_COMPONENT_NAMES = COMPONENT_NAMES.filter((name): name is HubComponentName => COMPONENTS[name].type !== "agent");

/** Accounts in drover-system without a process of their own: another process requests their tokens for one task each. */
export const IMPERSONATOR = "impersonator";
export const GUARD_PROBE = "guard-probe";
export const ACCOUNT_NAMES = [...COMPONENT_NAMES, IMPERSONATOR, GUARD_PROBE] as const;
export type AccountName = (typeof ACCOUNT_NAMES)[number];

/** The header User-Agent of its requests. */
export const userAgent = (account: AccountName): string => `drover-${account}`;
