// Files of a kubeconfig on disk, read by the real kubectl before and after.
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { mustRun, runCommand } from "../../controlplane/command.ts";
import { kubectlPath } from "../../test/kubectl.ts";
import { type Kubeconfig, type Login, withEntries, withoutEntries } from "./entries.ts";
import { changeKubeconfig, kubeconfigSources, type Sources } from "./file.ts";

jest.setTimeout(120_000);

let kubectlProgram: string;
let directory: string;
let home: string;
const environment = process.env.KUBECONFIG;

beforeAll(async () => {
  kubectlProgram = await kubectlPath();
  directory = await mkdtemp(join(tmpdir(), "drover-kubeconfig-"));
}, 900_000);
beforeEach(async () => {
  home = await mkdtemp(join(directory, "home-"));
});
afterAll(async () => {
  if (environment === undefined) delete process.env.KUBECONFIG;
  else process.env.KUBECONFIG = environment;
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const kubectl = (paths: readonly string[], ...args: string[]): Promise<string> =>
  mustRun(kubectlProgram, args, { env: { KUBECONFIG: paths.join(delimiter), HOME: home } });

interface View {
  readonly clusters: readonly { readonly name: string }[] | null;
  readonly contexts: readonly { readonly name: string }[] | null;
  readonly users: readonly { readonly name: string }[] | null;
  readonly "current-context": string;
}
const view = async (paths: readonly string[]): Promise<View> => JSON.parse(await kubectl(paths, "config", "view", "--raw", "-o", "json"));

const alice: Login = {
  apiURL: "https://api.test",
  user: "alice",
  token: "drv_one",
  ca: "PEM",
  clusters: ["east", "west"],
  prefix: "drover-",
};
const enter = (login: Login, sources: Sources): Promise<readonly string[]> =>
  changeKubeconfig(sources, (files: readonly Kubeconfig[]) => {
    const change = withEntries(files, sources.target, login);
    if ("taken" in change) throw new Error(change.taken.join());
    return change.files;
  });
const leave = (sources: Sources) => changeKubeconfig(sources, (files) => withoutEntries(files, alice.apiURL));
const at = (...paths: string[]): Sources => {
  process.env.KUBECONFIG = paths.join(delimiter);
  return kubeconfigSources();
};
const file = async (name: string, content: string, mode = 0o600): Promise<string> => {
  const path = join(home, name);
  await writeFile(path, content, { mode });
  await chmod(path, mode);
  return path;
};

const CLUSTER = "{ name: c, cluster: { server: https://c.test } }";
const theirs: readonly (readonly [string, string])[] = [
  ["nothing but comments", "# mine\n"],
  ["JSON", '{"apiVersion":"v1","kind":"Config","clusters":[],"contexts":null,"users":[],"current-context":""}'],
  ["no apiVersion and no lists", "current-context: prod\n"],
  [
    "relative paths",
    `clusters: [{ name: c, cluster: { server: https://c.test, certificate-authority: ./ca.crt } }]\nusers: [{ name: u, user: { client-certificate: ../u.crt, client-key: u.key, tokenFile: ./t } }]\n`,
  ],
  [
    "proxy-url, tls-server-name and what else a cluster can have",
    "clusters: [{ name: c, cluster: { server: https://c.test, proxy-url: socks5://p, tls-server-name: x, disable-compression: true, insecure-skip-tls-verify: yes } }]\n",
  ],
  [
    "extensions everywhere",
    `clusters: [{ name: c, cluster: { server: https://c.test, extensions: [{ name: e, extension: { last-update: 2024-01-01T00:00:00Z, big: 12345678901234567890, half: 1.5, state: off } }] } }]\ncontexts: [{ name: x, context: { cluster: c, user: u, namespace: ns, extensions: [{ name: e, extension: { a: [1, null, ""] } }] } }]\nextensions: [{ name: e, extension: { a: b } }]\npreferences: { colors: true, extensions: [{ name: p, extension: { q: 1 } }] }\n`,
  ],
  [
    "an exec plugin",
    `users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ./login\n      args: ["--on", "yes", "0123", "12:30"]\n      env: [{ name: A, value: "2024-01-01" }, { name: B, value: "null" }]\n      interactiveMode: Never\n      provideClusterInfo: true\n      installHint: |\n        line one\n          line two\n`,
  ],
  [
    "impersonation and an auth provider",
    "users: [{ name: u, user: { as: a, as-groups: [b], as-uid: '7', as-user-extra: { k: [v] }, auth-provider: { name: oidc, config: { id-token: x } } } }]\n",
  ],
  [
    "names that look like something else",
    `clusters: [{ name: "123", cluster: { server: https://c.test } }, { name: "yes", cluster: { server: https://d.test } }]\ncontexts: [{ name: "null", context: { cluster: "123", user: "1e3" } }]\nusers: [{ name: "1e3", user: { token: "0x1f", password: "1_000", username: "~" } }]\ncurrent-context: "null"\n`,
  ],
  [
    "anchors and merge keys",
    `x-base: &base { server: https://c.test }\nclusters: [{ name: c, cluster: { <<: *base, tls-server-name: t } }, { name: d, cluster: *base }]\n`,
  ],
  [
    "text beyond ASCII",
    `clusters: ${'[{ name: "ost-\u00fc\ud83d\ude00", cluster: { server: https://c.test } }]'}\ncurrent-context: "a\\tb"\n`,
  ],
  [
    "our names with no entry of ours",
    "contexts: [{ name: drover-prod, context: { cluster: drover-prod, user: drover-alice } }]\ncurrent-context: drover-prod\n",
  ],
];

test.each(theirs)("after login and logout kubectl reads the same as before: %s", async (_what, content) => {
  const path = await file("config", content);
  const before = await view([path]);
  await enter(alice, at(path));
  const during = await view([path]);
  expect(during.contexts?.map(({ name }) => name)).toEqual(expect.arrayContaining(["drover-east", "drover-west"]));
  for (const list of ["clusters", "contexts", "users"] as const)
    expect(during[list]?.filter(({ name }) => !/^drover-(east|west|alice)$/.test(name)) ?? []).toEqual(before[list] ?? []);
  await leave(at(path));
  const after = await view([path]);
  const current = before["current-context"] || "drover-east";
  const lists = ({ clusters, contexts, users }: View) => ({ clusters: clusters ?? [], contexts: contexts ?? [], users: users ?? [] });
  expect({ ...after, ...lists(after) }).toEqual({ ...before, ...lists(before), "current-context": current });
});

test("what kubectl does not know in a kubeconfig stays as well", async () => {
  const path = await file(
    "config",
    `x-team: { on-call: [a, b] }\nclusters: [{ name: c, cluster: { server: https://c.test, x-note: kept } }]\n`,
  );
  await enter(alice, at(path));
  await leave(at(path));
  expect(await readFile(path, "utf8")).toMatch(/x-team:\n {2}on-call:\n {4}- a\n {4}- b\n[\s\S]*x-note: kept/);
});

test("kubectl keeps the mark by which Drover recognises its user entries, and its own edits of our entries survive", async () => {
  const path = await file("config", "");
  await enter(alice, at(path));
  await kubectl([path], "config", "set-context", "drover-east", "--namespace=shop");
  await kubectl([path], "config", "rename-context", "drover-west", "prod");
  await kubectl([path], "config", "use-context", "prod");
  await kubectl([path], "config", "set-cluster", "drover-east", "--proxy-url=http://p.test");
  await enter({ ...alice, token: "drv_two", clusters: ["east"] }, at(path));
  expect(await view([path])).toMatchObject({
    clusters: [{ name: "drover-east", cluster: { "proxy-url": "http://p.test" } }, { name: "drover-west" }],
    contexts: [{ name: "drover-east", context: { namespace: "shop" } }, { name: "prod" }],
    users: [{ name: "drover-alice", user: { token: "drv_two" } }],
    "current-context": "prod",
  });
});

test("of several files each keeps its own; a new entry goes where kubectl would put it", async () => {
  const absent = join(home, "absent");
  const [first, second] = [await file("first", `clusters: [${CLUSTER}]\n`), await file("second", "current-context: c\n")];
  const sources = at(absent, first, "", second, first);
  expect(sources).toEqual({ paths: [absent, first, second], target: 1 });
  await enter(alice, sources);
  expect((await view([first])).contexts).toHaveLength(2);
  expect(await readFile(second, "utf8")).toBe("current-context: c\n");
  await expect(stat(absent)).rejects.toThrow("ENOENT");
  // kubectl agrees on the file.
  await kubectl([absent, first, second], "config", "set-cluster", "new", "--server=https://new.test");
  expect(await readFile(first, "utf8")).toContain("https://new.test");
  expect((await view(sources.paths))["current-context"]).toBe("c");
  expect(at(absent, join(home, "gone")).target).toBe(1);
});

test("a file's mode stays, a new file is its owner's alone, and it is said when others can read the token", async () => {
  const shared = await file("shared", `clusters: [${CLUSTER}]\n`, 0o640);
  expect(await enter(alice, at(shared))).toEqual([shared]);
  expect((await stat(shared)).mode & 0o777).toBe(0o640);
  const fresh = join(home, "new", "config");
  expect(await enter(alice, at(fresh))).toEqual([]);
  expect((await stat(fresh)).mode & 0o777).toBe(0o600);
});

test("symbolic links stay, also one that leads to nothing yet", async () => {
  await mkdir(join(home, "real"));
  await writeFile(join(home, "real", "config"), `clusters: [${CLUSTER}]\n`);
  const links = [join(home, "link"), join(home, "dangling")];
  await symlink("real/config", links[0] ?? "");
  await symlink("real/later", links[1] ?? "");
  for (const link of links) {
    await enter(alice, at(link));
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect((await view([join(home, await readlink(link))])).contexts).toHaveLength(2);
  }
});

test("many at once, kubectl among them, lose nothing of each other's and leave no lock", async () => {
  const path = await file("config", `clusters: [${CLUSTER}]\n`);
  const prefixes = ["a-", "b-", "c-", "d-", "e-"];
  const logins = prefixes.map((prefix) => enter({ ...alice, apiURL: `https://${prefix}.test`, prefix }, at(path)));
  // kubectl does not wait for the lock but fails.
  const set = async (name: string): Promise<void> => {
    const args = ["config", "set-cluster", name, "--server=https://k.test"];
    while ((await runCommand(kubectlProgram, args, { env: { KUBECONFIG: path, HOME: home } })).code !== 0);
  };
  await Promise.all([...logins, set("k1"), set("k2")]);
  const names = (await view([path])).clusters?.map(({ name }) => name).sort();
  expect(names).toEqual(["c", "k1", "k2", ...prefixes.flatMap((prefix) => [`${prefix}east`, `${prefix}west`])].sort());
  expect((await readdir(home)).filter((name) => name !== "config" && name !== ".kube")).toEqual([]);
});

test("while kubectl's lock is held nothing is written, and it is said which file to look at", async () => {
  const path = await file("config", `clusters: [${CLUSTER}]\n`);
  await writeFile(`${path}.lock`, "");
  await expect(enter(alice, at(path))).rejects.toThrow(`${path}.lock is held by another program`);
  expect(await readFile(path, "utf8")).toBe(`clusters: [${CLUSTER}]\n`);
});

test.each([
  ["no YAML", "clusters: [secret: x\n  y", "is not YAML"],
  ["two documents", "a: 1\n---\nb: 2\n", "is not YAML"],
  ["a list", "- a\n", "is no kubeconfig"],
  ["clusters that are no list", "clusters: { a: b }\n", "is no kubeconfig"],
  ["entries that are none", "users: [a]\n", "is no kubeconfig"],
])("a file that is no kubeconfig is left as it is: %s", async (_what, content, says) => {
  const path = await file("config", content);
  const error = await enter(alice, at(path)).catch((reason: Error) => reason.message);
  expect(error).toContain(says);
  expect(error).not.toContain("secret");
  expect(await readFile(path, "utf8")).toBe(content);
});
