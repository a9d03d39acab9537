// The CLI as users run it, against a real hub with auth and operators as processes.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { load, loadAll } from "js-yaml";
import { type CommandResult, runCommand } from "../controlplane/command.ts";
import { Cluster } from "../crds/v1alpha1/cluster.ts";
import { GlobalRoleBinding } from "../crds/v1alpha1/globalrolebinding.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { tokenHash } from "../lib/identity/token.ts";
import { Secret } from "../lib/kube/core.ts";
import { startHub, type TestHub, type TestProcess } from "../test/hub.ts";
import { until } from "../test/until.ts";

const PROXY = "https://api.drover.test";
const root = join(import.meta.dirname, "..");

jest.setTimeout(120_000);

let hub: TestHub;
let auth: TestProcess;
let others: TestProcess[];
let caFile: string;
let passwordFile: string;

/** Each home is of one user: session and kubeconfig. */
async function drover(
  home: string,
  args: readonly string[],
  o: { input?: string; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const directory = join(hub.plane.directory, home);
  await mkdir(directory, { recursive: true });
  const env = { PATH: "/usr/bin:/bin", HOME: directory, ...o.env };
  return runCommand(join(root, "tools/node"), [join(root, "cli/main.ts"), ...args], { ...o, env, cwd: directory });
}

const asAdmin = (args: readonly string[]): Promise<CommandResult> =>
  drover("operator", args, { env: { KUBECONFIG: hub.plane.adminKubeconfig } });
const home = (name: string, ...path: string[]): string => join(hub.plane.directory, name, ...path);
const kubeconfigOf = async (name: string): Promise<Record<string, never>> =>
  load(await readFile(home(name, ".kube/config"), "utf8")) as Record<string, never>;
const login = (name: string, ...more: string[]): Promise<CommandResult> =>
  drover(name, ["login", auth.url, "--ca-file", caFile, "--username", "root", "--password-stdin", ...more], { input: `${password}\n` });
let password = "";

beforeAll(async () => {
  hub = await startHub();
  const tls = await hub.servingFiles();
  caFile = join(hub.plane.directory, "ca.crt");
  passwordFile = join(hub.plane.directory, "admin-password");
  await writeFile(caFile, hub.plane.ca);
  [auth, ...others] = await Promise.all([
    hub.start("auth", { tls, proxyURL: PROXY }),
    hub.start("operator-identity"),
    hub.start("operator-clusters", {
      authURL: "https://auth.drover.test",
      proxyURLs: [PROXY],
      caFile,
      agentImage: "drover.test/drover:1",
    }),
  ]);
}, 900_000);

afterAll(async () => {
  await hub?.stop();
});

test("init with a kubeconfig that is not there says so in one line", async () => {
  const empty = join(hub.plane.directory, "nowhere.kubeconfig");
  const { code, stderr } = await asAdmin(["init", "--kubeconfig", empty]);
  expect(code).toBe(2);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("init makes the provider and the first admin, keeps the password in the file, and gives the hub its hash only", async () => {
  const { code, stdout, stderr } = await asAdmin(["init", "--password-file", passwordFile]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain("root is the admin now");
  password = (await readFile(passwordFile, "utf8")).trim();
  expect(password.length).toBeGreaterThanOrEqual(24);
  expect((await stat(passwordFile)).mode & 0o777).toBe(0o600);
  const secret = await hub.admin.get(Secret, { name: "root-password", namespace: "drover-system" });
  expect(Object.keys(secret.data ?? {})).toEqual(["hash"]);
  expect(await hub.kubectl(["get", "secrets,events", "-A", "-o", "json", "--show-managed-fields"])).not.toContain(password);
});

test("a second init changes nothing, and makes no second admin", async () => {
  const again = await asAdmin(["init", "--password-file", passwordFile]);
  expect(again.code).toBe(0);
  expect(again.stderr).toContain("nothing changed");
  const other = await asAdmin(["init", "--admin", "mallory", "-o", "json"]);
  expect(other.code).toBe(4);
  expect(other.stderr).toMatch(/there is an admin already: root/);
  expect(await hub.admin.find(User, { name: "mallory" })).toBeUndefined();
  expect((await hub.admin.list(GlobalRoleBinding)).items.map(({ metadata }) => metadata.name)).toEqual(["root-is-admin"]);
});

test("login refuses a certificate that it cannot trust, a wrong password and an unknown provider, in one line each that says what to do", async () => {
  await until(async () => (await hub.admin.get(User, { name: "root" })).status?.conditions?.[0]?.status === "True", "root is accepted");
  const attempts: [string[], string, number, RegExp][] = [
    [["login", auth.url], password, 5, /not signed by an authority.*--ca-file/],
    [["login", auth.url, "--ca-file", caFile], "wrong password", 3, /user name or password is wrong/],
    [
      ["login", auth.url, "--ca-file", caFile, "--provider", "corp"],
      password,
      4,
      /provider corp is not in use there; choose with --provider: local/,
    ],
    [["login", `${auth.url}/nowhere`, "--ca-file", caFile], password, 4, /nothing at this path/],
    [["login", "https://127.0.0.1:1", "--ca-file", caFile], password, 5, /nothing listens there/],
    [["login", auth.url, "--ca-file", caFile, "--ttl", "soon"], password, 2, /30m, 8h or 7d/],
    [["login", auth.url, "--ca-file", caFile, "--ttl", "365d"], password, 4, /ttlSeconds/],
  ];
  for (const [args, input, wanted, message] of attempts) {
    const { code, stdout, stderr } = await drover("attempts", [...args, "--username", "root", "--password-stdin"], { input });
    expect({ args, code, stdout, stderr }).toEqual({ args, code: wanted, stdout: "", stderr: expect.stringMatching(message) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain(password);
  }
  const withoutLogin = await drover("attempts", ["clusters"]);
  expect(withoutLogin).toMatchObject({ code: 3, stderr: expect.stringContaining("kubectl drover login") });
});

test("a name in the certificate that is not the server's is refused", async () => {
  const url = auth.url.replace("127.0.0.1", "127.0.0.2");
  const { code } = await drover("attempts", ["login", url, "--ca-file", caFile, "--username", "root", "--password-stdin"], {
    input: password,
  });
  expect(code).toBe(5);
});

test("import prints a manifest for a new cluster, and refuses names and options that do not fit", async () => {
  const { code, stdout, stderr } = await asAdmin(["import", "east", "--display-name", "East", "--ceiling", "edit", "--group", "local:ops"]);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("kubectl apply") });
  const kinds = (loadAll(stdout) as { kind: string }[]).map(({ kind }) => kind);
  expect(kinds).toEqual(expect.arrayContaining(["Namespace", "ServiceAccount", "Deployment", "Secret"]));
  // Again, and the hub's own: the same way.
  expect((await asAdmin(["import", "east"])).stdout).toBe(stdout);
  expect((await asAdmin(["import", "hub", "-o", "json"])).code).toBe(0);
  for (const name of ["East", "a--b", "x".repeat(27), "-", "../etc"]) {
    const refused = await asAdmin(["import", "--", name]);
    expect({ name, code: refused.code, stdout: refused.stdout }).toEqual({ name, code: 2, stdout: "" });
  }
  expect(await asAdmin(["import", "east", "--ceiling", "view"])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("another --ceiling"),
  });
});

test("import says that a cluster is registered already", async () => {
  expect((await asAdmin(["import", "taken"])).code).toBe(0);
  const status = { publicKey: `${"A".repeat(43)}=`, fingerprint: "SHA256:x", registeredAt: "2030-01-01T00:00:00Z" };
  await hub.kubectl([
    "-n",
    "cluster-taken",
    "patch",
    "clusterregistration",
    "agent",
    "--subresource=status",
    "--type=merge",
    "-p",
    JSON.stringify({ status }),
  ]);
  await until(async () => (await asAdmin(["import", "taken"])).code === 4, "import refuses");
  expect((await asAdmin(["import", "taken"])).stderr).toMatch(/registered already.*delete clusterregistration agent/);
});

test("login keeps the token where only its owner can read it, and writes a context for each cluster", async () => {
  const before = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "mine", cluster: { server: "https://mine.test" } }],
    contexts: [],
    users: [],
    "current-context": "",
  };
  await mkdir(home("root", ".kube"), { recursive: true });
  await writeFile(home("root", ".kube/config"), JSON.stringify(before), { mode: 0o644 });
  await setMembers("east", ["root"]);
  await setMembers("taken", []);
  const { code, stdout, stderr } = await login("root");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).not.toContain("drv_");
  expect((await stat(home("root", ".config/drover/session.json"))).mode & 0o777).toBe(0o600);
  // The mode of a file that is there is its owner's business.
  expect((await stat(home("root", ".kube/config"))).mode & 0o777).toBe(0o644);
  expect(stderr).toContain(`chmod 600 ${home("root", ".kube/config")}`);

  const session = JSON.parse(await readFile(home("root", ".config/drover/session.json"), "utf8")) as { token: string };
  const ca = Buffer.from(hub.plane.ca).toString("base64");
  expect(await kubeconfigOf("root")).toMatchObject({
    clusters: [{ name: "mine" }, { name: "drover-east", cluster: { server: `${PROXY}/clusters/east`, "certificate-authority-data": ca } }],
    contexts: [{ name: "drover-east", context: { cluster: "drover-east", user: "drover-root" } }],
    users: [{ name: "drover-root", user: { token: session.token } }],
    "current-context": "drover-east",
  });
});

test("clusters lists what the login reaches, for users and for programs", async () => {
  const text = await drover("root", ["clusters"]);
  expect(text.stdout.split("\n")[0]).toBe("NAME   DISPLAY NAME   READY   VERSION");
  expect(text.stdout).toContain("east   East           False");
  const { stdout } = await drover("root", ["clusters", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({ clusters: [{ name: "east", displayName: "East", ready: false }] });
});

test("kubeconfig follows the clusters, keeps what users set on a context, and prints one of its own", async () => {
  const kubectl = (...args: string[]) => hub.kubectl(["--kubeconfig", home("root", ".kube/config"), "config", ...args]);
  await kubectl("set-context", "drover-east", "--namespace", "shop");
  await setMembers("taken", ["root"]);
  await until(async () => (await drover("root", ["clusters", "-o", "json"])).stdout.includes("taken"), "the second cluster is open");
  expect((await drover("root", ["kubeconfig"])).code).toBe(0);
  expect(await kubeconfigOf("root")).toMatchObject({
    contexts: [{ name: "drover-east", context: { namespace: "shop" } }, { name: "drover-taken" }],
  });
  expect((await kubectl("get-contexts", "-o", "name")).trim().split("\n")).toEqual(["drover-east", "drover-taken"]);

  const printed = load((await drover("root", ["kubeconfig", "--print", "--prefix", "x-"])).stdout) as Record<string, unknown>;
  expect(printed).toMatchObject({ contexts: [{ name: "x-east" }, { name: "x-taken" }], "current-context": "x-east" });

  await setMembers("east", []);
  await until(async () => !(await drover("root", ["clusters", "-o", "json"])).stdout.includes("east"), "the first cluster is closed");
  await drover("root", ["kubeconfig"]);
  expect(await kubeconfigOf("root")).toMatchObject({
    clusters: [{ name: "mine" }, { name: "drover-taken" }],
    // Commands fail from here on, instead of meaning another cluster.
    "current-context": "drover-east",
  });
});

test("names of other owners are not taken over: login keeps the token, leaves the kubeconfig as it is, and says what to do", async () => {
  await mkdir(home("twice", ".kube"), { recursive: true });
  const other = "clusters: [{ name: drover-taken, cluster: { server: https://other.test/clusters/taken } }]\n";
  await writeFile(home("twice", ".kube/config"), other);
  const refused = await login("twice");
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/left alone: cluster drover-taken; .*--prefix/) });
  expect(await readFile(home("twice", ".kube/config"), "utf8")).toBe(other);
  expect((await drover("twice", ["kubeconfig", "--prefix", "hub-"])).code).toBe(0);
  expect(await kubeconfigOf("twice")).toMatchObject({ clusters: [{ name: "drover-taken" }, { name: "hub-taken" }] });
});

test("a login for some clusters opens those only, and --ttl is kept", async () => {
  expect((await login("narrow", "--clusters", "east", "--ttl", "2m")).code).toBe(0);
  const { stdout } = await drover("narrow", ["clusters", "-o", "json"]);
  expect(JSON.parse(stdout)).toEqual({ clusters: [] });
  const session = JSON.parse(await readFile(home("narrow", ".config/drover/session.json"), "utf8")) as { token: string; expiresAt: string };
  const { spec } = await hub.admin.get(Token, { name: `t-${tokenHash(session.token).slice(0, 32)}` });
  expect(spec.clusters).toEqual(["east"]);
  expect(Date.parse(spec.expiresAt) - Date.now()).toBeLessThan(121_000);
});

test("logout revokes on the server and forgets here; the other login stays", async () => {
  const session = JSON.parse(await readFile(home("root", ".config/drover/session.json"), "utf8")) as { token: string };
  expect((await drover("root", ["logout"])).code).toBe(0);
  expect(await hub.admin.find(Token, { name: `t-${tokenHash(session.token).slice(0, 32)}` })).toBeUndefined();
  expect(await kubeconfigOf("root")).toMatchObject({ clusters: [{ name: "mine" }], contexts: [], users: [] });
  expect((await drover("root", ["clusters"])).code).toBe(3);
  expect((await drover("root", ["logout"])).code).toBe(0);
  expect((await drover("narrow", ["clusters"])).code).toBe(0);
});

test("a login whose token is dead says so, and logging out still cleans up", async () => {
  await login("dead");
  await hub.kubectl(["delete", "tokens.drover.dev", "--all"]);
  expect(await drover("dead", ["clusters"])).toMatchObject({ code: 3, stderr: expect.stringContaining("log in again") });
  expect((await drover("dead", ["logout"])).code).toBe(0);
});

test("logout --all ends the logins of other machines as well; a login that has ended cannot", async () => {
  for (const machine of ["laptop", "desk"]) expect((await login(machine, "--no-kubeconfig")).code).toBe(0);
  expect((await drover("laptop", ["logout", "--all"])).code).toBe(0);
  const late = await drover("desk", ["logout", "--all"]);
  expect([late.code, late.stderr]).toEqual([3, expect.stringContaining("kubectl drover login")]);
  expect((await drover("desk", ["clusters"])).code).toBe(3);
  expect((await drover("desk", ["logout", "--all", "--local-only"])).code).toBe(2);
  expect((await drover("desk", ["logout"])).code).toBe(0);
});

test("logout --all --user ends all logins of that user, with the hub's kubeconfig and no login", async () => {
  expect((await login("laptop", "--no-kubeconfig")).code).toBe(0);
  expect(await asAdmin(["logout", "--user", "root"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--all") });
  const { code, stderr } = await asAdmin(["logout", "--all", "--user", "root"]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^[1-9][0-9]* logins? of root ended/)]);
  expect((await drover("laptop", ["clusters"])).code).toBe(3);
  expect(await asAdmin(["logout", "--all", "--user", "no-such-user"])).toMatchObject({ code: 4 });
  expect((await login("root")).code).toBe(0);
});

test("hash-password makes the hash with which a User's Secret stays as it is written", async () => {
  const { code, stdout } = await drover("nobody", ["hash-password", "--password-stdin"], { input: "a password of mine\r\n" });
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\$scrypt\$ln=15,r=8,p=3\$[^\n]+\n$/)]);
  await hub.apply(
    {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "hedda-password", namespace: "drover-system" } },
      stringData: { hash: stdout },
    },
    {
      ...{ apiVersion: "drover.dev/v1alpha1", kind: "User", metadata: { name: "hedda" } },
      spec: { local: { passwordSecret: { name: "hedda-password" } } },
    },
  );
  const command = ["login", auth.url, "--ca-file", caFile, "--username", "hedda", "--password-stdin", "--no-kubeconfig"];
  await until(async () => (await drover("hedda", command, { input: "a password of mine\n" })).code === 0, "hedda can log in");
});

test.each([
  ["short", /shorter than 12 characters/],
  ["a password\nof two lines", /line breaks/],
])("hash-password refuses %j, and says why", async (input, why) => {
  const { code, stdout, stderr } = await drover("nobody", ["hash-password", "--password-stdin"], { input });
  expect([code, stdout, stderr]).toEqual([2, "", expect.stringMatching(why)]);
});

test("accept-restore ends every login, says how many and what to look at, and is refused without rights on the hub", async () => {
  const stranger = join(hub.plane.directory, "stranger.kubeconfig");
  const admin = load(await readFile(hub.plane.adminKubeconfig, "utf8")) as { users: { name: string }[] };
  await writeFile(
    stranger,
    JSON.stringify({ ...admin, users: admin.users.map(({ name }) => ({ name, user: { token: "no-such-token" } })) }),
  );
  expect((await asAdmin(["hub", "accept-restore", "--kubeconfig", stranger])).code).not.toBe(0);
  expect((await login("restorer")).code).toBe(0);
  const tokens = (await hub.admin.list(Token)).items.length;
  expect(tokens).toBeGreaterThan(0);

  const { code, stdout, stderr } = await asAdmin(["hub", "accept-restore"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain(`${tokens} tokens deleted`);
  expect(stderr).toMatch(/kubectl get clusterregistrations\.drover\.dev -A$/m);
  expect((await hub.admin.list(Token)).items).toEqual([]);
  const first = (await hub.admin.get(Cluster, { name: "hub" })).spec.restoreAcceptedAt ?? "";
  expect(stderr).toContain(`restore accepted at ${first}`);
  await until(async () => (await drover("restorer", ["clusters"])).code === 3, "the login is ended");

  expect((await asAdmin(["hub", "accept-restore", "-o", "json"])).code).toBe(0);
  const second = (await hub.admin.get(Cluster, { name: "hub" })).spec.restoreAcceptedAt ?? "";
  expect(Date.parse(second)).toBeGreaterThan(Date.parse(first));
});

test("a deleted first admin does not come back when everything restarts, only by another init", async () => {
  await hub.kubectl(["delete", "user.drover.dev", "root"]);
  await hub.kubectl(["delete", "secret", "root-password", "-n", "drover-system"]);
  await Promise.all([auth, ...others].map((process) => process.stop()));
  const tls = await hub.servingFiles();
  auth = await hub.start("auth", { tls, proxyURL: PROXY });
  const identity = await hub.start("operator-identity");
  await until(async () => (await identity.output()).includes('"leading"'), "the operator works again");
  // A user created after the restart is reconciled; by then the admin would be back.
  await hub.apply({ apiVersion: "drover.dev/v1alpha1", kind: "User", metadata: { name: "later" }, spec: {} });
  await until(async () => (await hub.admin.get(User, { name: "later" })).status?.conditions?.[0]?.status === "True", "later is accepted");
  expect(await hub.admin.find(User, { name: "root" })).toBeUndefined();
  expect((await login("back")).code).toBe(3);

  expect((await asAdmin(["init", "--password-file", passwordFile])).code).toBe(0);
  await until(async () => (await login("back")).code === 0, "the new admin can log in");
});

test("the CLI's own files hold no password", async () => {
  for (const file of ["back/.config/drover/session.json", "back/.kube/config"])
    expect(await readFile(home(file), "utf8")).not.toContain(password);
});

async function setMembers(cluster: string, users: string[]): Promise<void> {
  await hub.apply({
    apiVersion: "drover.dev/v1alpha1",
    kind: "ClusterMembers",
    metadata: { name: "members", namespace: `cluster-${cluster}` },
    spec: { users, groups: [], everyone: false },
  });
}
