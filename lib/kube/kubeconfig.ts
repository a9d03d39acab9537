// Interprets the text of kubeconfig files; reads no other file. Every field of clientcmd's Cluster, AuthInfo and Context is either
// supported or refused by name: ignoring a field could give a user more permissions than intended, for example without `as`.
import { dirname, resolve } from "node:path";
import { load } from "js-yaml";

/** One entry under `clusters`, `users` or `contexts`. Paths in it are relative to the folder of `file`. */
interface Entry {
  readonly file: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Kubeconfig {
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly currentContext: string;
}

/** PEM in the kubeconfig itself, or the absolute path of a file with PEM. */
export type PemSource = { readonly pem: string } | { readonly file: string };

export interface ExecConfig {
  readonly apiVersion: string;
  /** A name to look for in PATH, or an absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly installHint: string;
  readonly provideClusterInfo: boolean;
  readonly interactiveMode: string;
  /** Content of the cluster's extension for exec plugins. */
  readonly clusterExtension: unknown;
}

/** How to reach the server of a context, and with which credentials. */
export interface ResolvedContext {
  readonly server: string;
  readonly serverName?: string;
  readonly ca?: PemSource;
  /** http or https; may hold a user and a password. */
  readonly proxyURL?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly certificate?: { readonly cert: PemSource; readonly key: PemSource };
  readonly exec?: ExecConfig;
  readonly impersonate?: Impersonation;
}

export interface Impersonation {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

type Shape = "string" | "boolean" | "strings" | "lists" | "object" | "objects";

const CLUSTER: Readonly<Record<string, Shape>> = {
  server: "string",
  "tls-server-name": "string",
  "insecure-skip-tls-verify": "boolean",
  "certificate-authority": "string",
  "certificate-authority-data": "string",
  "proxy-url": "string",
  // Has no effect: compressed responses are never requested.
  "disable-compression": "boolean",
  extensions: "objects",
};
const USER: Readonly<Record<string, Shape>> = {
  "client-certificate": "string",
  "client-certificate-data": "string",
  "client-key": "string",
  "client-key-data": "string",
  token: "string",
  tokenFile: "string",
  as: "string",
  "as-uid": "string",
  "as-groups": "strings",
  "as-user-extra": "lists",
  username: "string",
  password: "string",
  "auth-provider": "object",
  exec: "object",
  extensions: "objects",
};
const CONTEXT: Readonly<Record<string, Shape>> = { cluster: "string", user: "string", namespace: "string", extensions: "objects" };
const EXEC: Readonly<Record<string, Shape>> = {
  command: "string",
  args: "strings",
  env: "objects",
  apiVersion: "string",
  installHint: "string",
  provideClusterInfo: "boolean",
  interactiveMode: "string",
};

const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

/** Throws an Error that names the file when the text is not a kubeconfig. */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  let root: unknown;
  try {
    root = text.trim() === "" ? {} : load(text);
  } catch (error) {
    // The rest of the message quotes the file, which may contain secrets.
    throw new Error(`${file} is not YAML: ${(error as Error).message.split("\n")[0]}`);
  }
  if (root !== undefined && root !== null && !isObject(root)) throw new Error(`${file} is not a kubeconfig`);
  const lists = (root ?? {}) as Record<string, unknown>;
  const current = lists["current-context"];
  return {
    clusters: entries(lists.clusters, "cluster", file),
    users: entries(lists.users, "user", file),
    contexts: entries(lists.contexts, "context", file),
    currentContext: typeof current === "string" ? current : "",
  };
}

/** As kubectl does: the first file that defines a name wins. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const merged = (of: (config: Kubeconfig) => ReadonlyMap<string, Entry>): Map<string, Entry> =>
    new Map([...configs].reverse().flatMap((config) => [...of(config)]));
  return {
    clusters: merged(({ clusters }) => clusters),
    users: merged(({ users }) => users),
    contexts: merged(({ contexts }) => contexts),
    currentContext: configs.find(({ currentContext }) => currentContext !== "")?.currentContext ?? "",
  };
}

/** Resolves the named context, or the current one. Throws an Error with a one-line message when something in it is missing or not supported. */
export function resolveContext(config: Kubeconfig, context?: string): ResolvedContext {
  const name = context ?? config.currentContext;
  const resolved = config.contexts.get(name);
  if (resolved === undefined) throw new Error(name === "" ? "there is no current context" : `there is no context "${name}"`);
  const { cluster = "", user = "" } = checked(resolved.fields, CONTEXT, `context "${name}"`) as { cluster?: string; user?: string };
  const clusterEntry = config.clusters.get(cluster);
  if (clusterEntry === undefined) throw new Error(`context "${name}" names no cluster with a server`);
  const userEntry = config.users.get(user);
  if (userEntry === undefined && user !== "") throw new Error(`context "${name}" names the user "${user}", which does not exist`);
  const fields = checked(clusterEntry.fields, CLUSTER, `cluster "${cluster}"`);
  return {
    ...clusterFields(fields, clusterEntry.file, `cluster "${cluster}"`),
    ...(userEntry === undefined ? {} : userFields(userEntry, `user "${user}"`, extensionOf(fields))),
  };
}

function clusterFields(fields: Fields, file: string, where: string): Pick<ResolvedContext, "server" | "serverName" | "ca" | "proxyURL"> {
  const server = string(fields, "server");
  if (server === "") throw new Error(`${where} has no server`);
  if (fields["insecure-skip-tls-verify"] === true)
    throw new Error(`${where} has insecure-skip-tls-verify; give it certificate-authority-data instead`);
  if (!URL.canParse(server) || new URL(server).protocol !== "https:")
    throw new Error(`${where} is not reached over https: ${server.replace(/\/\/.*@/, "//")}`);
  const { username, password } = new URL(server);
  if (username !== "" || password !== "")
    throw new Error(`${where} has a user or a password in its server; use a token, a client certificate or exec`);
  const serverName = string(fields, "tls-server-name");
  const ca = pemSource(fields, "certificate-authority", { file, where });
  const proxyURL = string(fields, "proxy-url");
  if (proxyURL !== "" && !/^https?:$/.test(URL.canParse(proxyURL) ? new URL(proxyURL).protocol : ""))
    throw new Error(`${where} has a proxy-url that is neither http:// nor https://; Drover supports no other`);
  return { server, ...(serverName && { serverName }), ...(ca && { ca }), ...(proxyURL && { proxyURL }) };
}

function userFields(entry: Entry, where: string, clusterExtension: unknown): Omit<ResolvedContext, "server"> {
  const { file } = entry;
  const fields = checked(entry.fields, USER, where);
  if (string(fields, "username") !== "" || string(fields, "password") !== "")
    throw new Error(`${where} has username and password, which no supported Kubernetes takes; use a token, a client certificate or exec`);
  if (fields["auth-provider"] != null)
    throw new Error(`${where} has an auth-provider, which Drover does not support; use an exec plugin instead`);
  const token = string(fields, "token");
  const tokenFile = path(file, string(fields, "tokenFile"));
  const cert = pemSource(fields, "client-certificate", { file, where });
  const key = pemSource(fields, "client-key", { file, where });
  if ((cert === undefined) !== (key === undefined)) throw new Error(`${where} has only one of client-certificate and client-key`);
  const exec = fields.exec == null ? undefined : execOf(fields.exec as Fields, { file, where }, clusterExtension);
  const impersonate = impersonationOf(fields, where);
  // As kubectl does: a plugin is used only when there is no other credential.
  const asks = exec !== undefined && token === "" && tokenFile === "" && cert === undefined;
  return {
    ...(token && { token }),
    ...(tokenFile && { tokenFile }),
    ...(cert && key && { certificate: { cert, key } }),
    ...(asks && { exec }),
    ...(impersonate && { impersonate }),
  };
}

function impersonationOf(fields: Fields, where: string): Impersonation | undefined {
  const user = string(fields, "as");
  const uid = string(fields, "as-uid");
  const groups = (fields["as-groups"] ?? []) as string[];
  const extra = (fields["as-user-extra"] ?? {}) as Record<string, string[]>;
  if (user !== "") return { user, uid, groups, extra };
  if (uid !== "" || groups.length > 0 || Object.keys(extra).length > 0)
    throw new Error(`${where} has as-uid, as-groups or as-user-extra without "as"`);
  return undefined;
}

function execOf(exec: Fields, { file, where }: Location, clusterExtension: unknown): ExecConfig {
  const fields = checked(exec, EXEC, `exec of ${where}`);
  const apiVersion = string(fields, "apiVersion");
  const old = apiVersion === "client.authentication.k8s.io/v1beta1";
  if (!old && apiVersion !== "client.authentication.k8s.io/v1")
    throw new Error(`exec of ${where} has apiVersion "${apiVersion}"; it must be client.authentication.k8s.io/v1 or v1beta1`);
  const interactiveMode = string(fields, "interactiveMode") || (old ? "IfAvailable" : "");
  if (!["Never", "IfAvailable", "Always"].includes(interactiveMode))
    throw new Error(`exec of ${where} needs an interactiveMode: Never, IfAvailable or Always`);
  const command = string(fields, "command");
  if (command === "") throw new Error(`exec of ${where} has no command`);
  const env = ((fields.env ?? []) as Fields[]).map((one) => ({ name: String(one.name ?? ""), value: String(one.value ?? "") }));
  if (env.some(({ name }) => name === "")) throw new Error(`exec of ${where} has an environment variable without a name`);
  return {
    ...{ apiVersion, interactiveMode, env, clusterExtension },
    // A name without a slash is looked for in PATH.
    command: command.includes("/") ? path(file, command) : command,
    args: (fields.args ?? []) as string[],
    installHint: string(fields, "installHint"),
    provideClusterInfo: fields.provideClusterInfo === true,
  };
}

interface Location {
  readonly file: string;
  readonly where: string;
}
type Fields = Readonly<Record<string, unknown>>;

/** `<name>-data`, which has precedence as with kubectl, or the file that `<name>` names. */
function pemSource(fields: Fields, name: string, { file, where }: Location): PemSource | undefined {
  const data = string(fields, `${name}-data`);
  if (data !== "") {
    const pem = Buffer.from(data, "base64").toString("utf8");
    if (!pem.includes("-----BEGIN ")) throw new Error(`${where}: ${name}-data is not the base64 of PEM`);
    return { pem };
  }
  const named = path(file, string(fields, name));
  return named === "" ? undefined : { file: named };
}

const extensionOf = (cluster: Fields): unknown =>
  ((cluster.extensions ?? []) as Fields[]).find(({ name }) => name === EXEC_EXTENSION)?.extension;

const path = (file: string, named: string): string => (named === "" ? "" : resolve(dirname(file), named));

const string = (fields: Fields, name: string): string => (fields[name] as string | null | undefined) ?? "";

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const areStrings = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === "string");

const HAS_SHAPE: Readonly<Record<Shape, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  strings: areStrings,
  lists: (value) => isObject(value) && Object.values(value).every(areStrings),
  object: isObject,
  objects: (value) => Array.isArray(value) && value.every(isObject),
};
const SHAPE_NAMES: Readonly<Record<Shape, string>> = {
  string: "text",
  boolean: "true or false",
  strings: "a list of texts",
  lists: "lists of texts by name",
  object: "an object",
  objects: "a list of objects",
};

/** Throws unless every field is supported and has the right type; `null` counts as absent. Errors never quote a value, because it may be a secret. */
function checked(fields: Fields, shapes: Readonly<Record<string, Shape>>, where: string): Fields {
  for (const [name, value] of Object.entries(fields)) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined) throw new Error(`${where} has a field "${name}", which Drover does not know`);
    if (value !== null && !HAS_SHAPE[shape](value)) throw new Error(`${where}: "${name}" must be ${SHAPE_NAMES[shape]}`);
  }
  return fields;
}

function entries(list: unknown, what: "cluster" | "user" | "context", file: string): Map<string, Entry> {
  const found = new Map<string, Entry>();
  if (list === undefined || list === null) return found;
  if (!Array.isArray(list)) throw new Error(`${file}: "${what}s" must be a list`);
  for (const one of list as unknown[]) {
    const name = isObject(one) ? one.name : undefined;
    const fields = isObject(one) ? (one[what] ?? {}) : undefined;
    if (typeof name !== "string" || !isObject(fields)) throw new Error(`${file}: an entry of "${what}s" has no name, or is no object`);
    if (found.has(name)) throw new Error(`${file}: ${what} "${name}" is there twice`);
    found.set(name, { file, fields });
  }
  return found;
}
