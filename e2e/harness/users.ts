// Users: created with YAML, logged in at auth, each with a kubeconfig per cluster that goes through a proxy.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { postJSON } from "./http.ts";
import { hub, Kubectl, type Manifest } from "./kubectl.ts";
import { scratch, state } from "./state.ts";
import { not, until } from "./until.ts";

export interface TestUser {
  readonly name: string;
  readonly password: string;
  readonly token: string;
  /** kubectl against a cluster through a proxy replica, the first by default. */
  kubectl(cluster: string, replica?: number): Kubectl;
}

/** The YAML of a local user. */
export function userYAML(name: string, password: string): Manifest[] {
  return [
    { apiVersion: "v1", kind: "Secret", metadata: { name: `${name}-password`, namespace: "drover-system" }, stringData: { password } },
    {
      apiVersion: "drover.dev/v1alpha1",
      kind: "User",
      metadata: { name },
      spec: { displayName: name, enabled: true, local: { passwordSecret: { name: `${name}-password` } } },
    },
  ];
}

/** Creates a local user and logs them in. */
export async function createUser(name: string, password = `${name} likes long passwords`): Promise<TestUser> {
  await hub().apply(...userYAML(name, password));
  const token = await until(`${name} can log in`, () => login(name, password));
  return {
    name,
    password,
    token,
    kubectl: (cluster, replica = 0) => kubectlWith(`${name}-${cluster}-${replica}`, cluster, token, replica),
  };
}

export async function deleteUser(name: string): Promise<void> {
  await hub().delete(...userYAML(name, ""));
}

/** The administrator that the environment made. */
export async function admin(): Promise<TestUser> {
  const { user, passwordFile } = state().admin;
  const password = readFileSync(passwordFile, "utf8").trim();
  const token = await until(`${user} can log in`, () => login(user, password));
  return {
    name: user,
    password,
    token,
    kubectl: (cluster, replica = 0) => kubectlWith(`${user}-${cluster}-${replica}`, cluster, token, replica),
  };
}

/** A token, or what auth answered instead. */
export async function login(username: string, password: string, more: { ttlSeconds?: number; clusters?: string[] } = {}) {
  const answer = await postJSON(`${state().auth.url}/login/local`, { username, password, ...more });
  return answer.status === 200 ? (JSON.parse(answer.body) as { token: string }).token : not(`${answer.status} ${answer.body}`);
}

/** kubectl with any token, or none, at `/clusters/<cluster>` of a proxy replica. */
export function kubectlWith(name: string, cluster: string, token: string | undefined, replica = 0): Kubectl {
  const server = `${state().proxy.urls[replica] ?? state().proxy.url}/clusters/${cluster}`;
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: cluster, cluster: { server, "certificate-authority": state().proxy.ca } }],
    users: [{ name: "person", user: token === undefined ? {} : { token } }],
    contexts: [{ name: cluster, context: { cluster, user: "person" } }],
    "current-context": cluster,
  };
  mkdirSync(scratch(""), { recursive: true });
  const path = scratch(`${name}.kubeconfig`);
  writeFileSync(path, JSON.stringify(kubeconfig, undefined, 2), { mode: 0o600 });
  return new Kubectl(path);
}
