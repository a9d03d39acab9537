// What makes a control plane the hub: Drover's objects, and its operators, auth and proxies as processes on this machine, each
// with the token of its own ServiceAccount and nothing else.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "../controlplane/check.ts";
import { writeKubeconfig } from "../controlplane/kubeconfig.ts";
import { Authority } from "../controlplane/pki.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { COMPONENTS, HUB_COMPONENT_NAMES, type HubComponentName } from "../lib/components/components.ts";
import { ADMIN_USER, AUTHORITY, droverSpec, type Environment, HUB } from "./environment.ts";
import { adminDrover, adminKubectl, type Run } from "./planes.ts";

export const SYSTEM = "drover-system";

/** Long enough that an environment that is left up over a weekend still works on Monday. */
const TOKEN_LIFE = "168h";

/** All objects of the hub except the workloads: what their pods would run runs here as processes. */
export const applyHub = async ({ environment, signal }: Run): Promise<void> => {
  const kubectl = adminKubectl(environment, HUB, signal);
  const apply = (path: string): Promise<string> =>
    kubectl.run(["apply", "--server-side", "--force-conflicts", "-k", join(repositoryRoot(), path)]);
  // Objects of a kind cannot be applied together with its CustomResourceDefinition.
  await apply("deploy/bases/crds");
  await kubectl.run(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
  await apply("deploy/bases/hub-config");
};

/** Writes a token of the ServiceAccount and a kubeconfig that reads it into the directory; returns the kubeconfig's path. */
export const accountKubeconfig = async (run: Run, plane: string, account: string, directory: string): Promise<string> => {
  const { environment, signal } = run;
  const token = await adminKubectl(environment, plane, signal).run(["create", "token", account, "-n", SYSTEM, `--duration=${TOKEN_LIFE}`]);
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, token.trim(), { mode: 0o600 });
  const path = join(directory, "kubeconfig");
  await writeKubeconfig(path, { server: environment.plane(plane).server, ca: environment.contents.ca.cert, user: account, tokenFile });
  return path;
};

/** Writes config.json. True when it differs from the file that was there: a new proxy, for example, changes the URLs in all configurations. */
export const writeConfig = async (directory: string, config: object): Promise<boolean> => {
  const path = join(directory, "config.json");
  const text = `${JSON.stringify(config, null, 2)}\n`;
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === text) return false;
  await writeFile(path, text, { mode: 0o600 });
  return true;
};

interface HubProcess {
  /** "proxy:0", "operator:access" */
  name: string;
  component: HubComponentName;
  config: object;
}

/** The operators' processes by the names that they have in an environment. */
export const OPERATORS: ReadonlyMap<string, HubComponentName> = new Map(
  HUB_COMPONENT_NAMES.filter((name) => COMPONENTS[name].type === "operator").map((name) => [name.replace("-", ":"), name]),
);

/** What operators are configured with beyond what every process is. */
const operatorConfig = (environment: Environment): Partial<Record<HubComponentName, object>> => ({
  "operator-clusters": { ...endpoints(environment), agentImage: "registry.example/drover:dev" },
});

/** The name of the port on which a process of the hub answers about its health. */
export const healthPort = (name: string): string => `health:${name}`;

const GRACE_MS = 5000;

const startDrover = async (run: Run, o: HubProcess): Promise<void> => {
  const { environment } = run;
  const directory = environment.path("run", o.name.replace(":", "-"));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const health = { host: "127.0.0.1", port: environment.port(healthPort(o.name)) };
  const isNew = await writeConfig(directory, { kubeconfig: join(directory, "kubeconfig"), health, ...o.config });
  if (environment.isRunning(o.name) && !isNew) return;
  await environment.stopIfRunning(o.name);
  await accountKubeconfig(run, HUB, o.component, directory);
  const at = (path: string): Check => ({ url: `http://127.0.0.1:${health.port}${path}` });
  environment.define(o.name, { spec: droverSpec(o.component, directory), check: at("/healthz"), ready: at("/readyz"), graceMs: GRACE_MS });
  await environment.start(o.name, run);
};

/** Key and certificate of a server at 127.0.0.1, as files of its directory. */
const servingFiles = async (environment: Environment, name: string): Promise<{ certFile: string; keyFile: string }> => {
  const directory = environment.path("run", name.replace(":", "-"));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = { certFile: join(directory, "tls.crt"), keyFile: join(directory, "tls.key") };
  if (await readFile(files.keyFile).catch(() => undefined)) return files;
  const pair = Authority.load(AUTHORITY, environment.contents.ca).certificate({ commonName: name }, ["server"], ["127.0.0.1", "localhost"]);
  await writeFile(files.certFile, pair.cert, { mode: 0o600 });
  await writeFile(files.keyFile, pair.key, { mode: 0o600 });
  return files;
};

/** The URLs by which agents and users reach this hub, for the configuration of the clusters operator and of agents. */
const endpoints = (environment: Environment): { authURL: string; proxyURLs: string[]; caFile: string } => ({
  authURL: environment.authUrl,
  proxyURLs: environment.proxyUrls,
  caFile: environment.path("ca.crt"),
});

export const startHubProcesses = async (run: Run): Promise<void> => {
  const { environment } = run;
  const urls = environment.proxyUrls;
  const configs = operatorConfig(environment);
  const operators = [...OPERATORS].map(([name, component]): HubProcess => ({ name, component, config: configs[component] ?? {} }));
  const listen = (purpose: string): { host: string; port: number } => ({ host: "127.0.0.1", port: environment.port(purpose) });
  const proxies = urls.map(async (_, index): Promise<HubProcess> => {
    const name = `proxy:${index}`;
    const tls = await servingFiles(environment, name);
    const config = { listen: listen(name), tls, replicaId: `proxy-${index}` };
    return { name, component: "proxy", config };
  });
  const auth: HubProcess = {
    name: "auth:0",
    component: "auth",
    config: { listen: listen("auth:0"), tls: await servingFiles(environment, "auth:0"), proxyURL: urls[0] },
  };
  const all = [...operators, auth, ...(await Promise.all(proxies))];
  await Promise.all(all.map((one) => startDrover(run, one)));
};

export const firstAdministrator = async ({ environment, signal }: Run): Promise<void> => {
  const password = environment.path("admin-password");
  await adminDrover(environment, ["init", "--admin", ADMIN_USER, "--password-file", password], signal);
};
