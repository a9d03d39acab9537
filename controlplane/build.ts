// Builds the embedded Kubernetes and kwok once into the user's cache directory, in a folder named by everything that the result
// depends on: sources, flags, Go. A second process, at the same time or later, uses the same build.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import { mustRun } from "./command.ts";
import { withLock } from "./lock.ts";
import { repositoryRoot } from "./root.ts";

export type Part = "kubernetes" | "kwok";

const KUBERNETES = "v1.36.3";
const KWOK = "v0.8.0";
const GO = [1, 26] as const;
const KUBERNETES_COMPONENTS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];

const stamps: Record<Part, readonly string[]> = {
  kubernetes: ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) => [
    `${path}.gitVersion=${KUBERNETES}`,
    `${path}.gitMajor=1`,
    `${path}.gitMinor=36`,
    `${path}.gitTreeState=clean`,
    `${path}.gitCommit=`,
  ]),
  kwok: [`sigs.k8s.io/kwok/pkg/consts.Version=${KWOK}`],
};

const flags = (part: Part): string[] => [
  "-mod=readonly",
  "-buildvcs=false",
  "-trimpath",
  "-ldflags",
  ["-s -w", ...stamps[part].map((stamp) => `-X ${stamp}`)].join(" "),
];

const goEnv = (): NodeJS.ProcessEnv => ({ ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "", GOWORK: "off" });

const TOOL_HINT = `install Go ${GO.join(".")} or newer (https://go.dev/doc/install) and see that "go" is found in PATH`;

/** The version line of the machine's Go; an error that says what to install when there is none or it is too old. */
const goVersion = async (): Promise<string> => {
  let line: string;
  try {
    line = (await mustRun("go", ["version"], { env: goEnv() })).trim();
  } catch {
    throw new Error(`building the control plane needs Go, and there is none: ${TOOL_HINT}`);
  }
  const [, major = "0", minor = "0"] = /go(\d+)\.(\d+)/.exec(line) ?? [];
  const recent = Number(major) > GO[0] || (Number(major) === GO[0] && Number(minor) >= GO[1]);
  if (!recent) throw new Error(`building the control plane needs a newer Go than the one here (${line}): ${TOOL_HINT}`);
  return line;
};

const sourcesOf = async (part: Part): Promise<{ directory: string; files: string[] }> => {
  const directory = join(repositoryRoot(), "controlplane", part);
  const files = (await readdir(directory)).filter((name) => /^go\.(mod|sum)$|\.go$|\.patch$/.test(name)).sort();
  return { directory, files };
};

const fingerprint = async (part: Part, go: string): Promise<string> => {
  const { directory, files } = await sourcesOf(part);
  const hash = createHash("sha256").update(
    JSON.stringify([go, flags(part), part === "kwok" ? STAGES : KUBERNETES_COMPONENTS, process.env.CGO_ENABLED ?? ""]),
  );
  for (const name of files) hash.update(`\0${name}\0`).update(await readFile(join(directory, name)));
  return hash.digest("hex").slice(0, 24);
};

/** kwok's own description of how nodes and pods behave; its configuration takes them as they are. */
const STAGES = [
  "node/fast/node-initialize.yaml",
  "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
  "pod/fast/pod-ready.yaml",
  "pod/fast/pod-complete.yaml",
  "pod/fast/pod-delete.yaml",
];

/** The copy of kwok's module that the patch is applied to, and a go.mod beside it that names the copy. */
const patchedModule = async (scratch: string, sources: string): Promise<string> => {
  const download = await mustRun("go", ["mod", "download", "-json", `sigs.k8s.io/kwok@${KWOK}`], { cwd: sources, env: goEnv() });
  const copy = join(scratch, "kwok-patched");
  const { Dir } = JSON.parse(download) as { Dir: string };
  await cp(Dir, copy, { recursive: true });
  // Files of the module cache are read-only.
  await mustRun("chmod", ["-R", "u+w", copy], { env: process.env });
  const outside = { ...process.env, GIT_CEILING_DIRECTORIES: scratch };
  await mustRun("git", ["apply", join(sources, "kwok.patch")], { cwd: copy, env: outside });
  const modfile = join(scratch, "go.mod");
  await writeFile(modfile, `${await readFile(join(sources, "go.mod"), "utf8")}\nreplace sigs.k8s.io/kwok => ${copy}\n`);
  await cp(join(sources, "go.sum"), join(scratch, "go.sum"));
  return modfile;
};

const stages = async (module: string): Promise<string> =>
  (await Promise.all(STAGES.map((path) => readFile(join(module, "kustomize/stage", path), "utf8")))).join("\n---\n");

const compile = async (part: Part, args: readonly string[], cwd: string, progress: (line: string) => void): Promise<void> => {
  const child = execa("go", ["build", "-v", ...args], { cwd, env: goEnv(), extendEnv: false, reject: false, stdout: "ignore" });
  const started = performance.now();
  let packages = 0;
  const other: string[] = [];
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - started) / 1000);
    progress(`building ${part}: ${packages} packages compiled, ${seconds} s (a cold build takes minutes)`);
  }, 10_000);
  try {
    for await (const line of child.iterable({ from: "stderr" })) {
      if (/^[\w.-]+(\/[^\s:]+)*$/.test(line)) packages++;
      else if (!line.startsWith("go: downloading")) other.push(line);
    }
    const { failed } = await child;
    if (failed) throw new Error(`go build of ${part} failed:\n${other.slice(-20).join("\n")}`);
  } finally {
    clearInterval(timer);
  }
};

const build = async (part: Part, target: string, progress: (line: string) => void): Promise<void> => {
  const { directory } = await sourcesOf(part);
  const beside = dirname(target);
  await mkdir(beside, { recursive: true });
  // Left by builds that were killed: the lock is held, so no other build is running.
  const left = (await readdir(beside)).filter((name) => name.startsWith(`${basename(target)}.`));
  await Promise.all(left.map((name) => rm(join(beside, name), { recursive: true, force: true })));
  const scratch = `${target}.${process.pid}`;
  const out = join(scratch, "out");
  await mkdir(out, { recursive: true });
  try {
    const modfile = part === "kwok" ? [`-modfile=${await patchedModule(scratch, directory)}`] : [];
    if (part === "kwok") await writeFile(join(out, "stages.yaml"), await stages(join(scratch, "kwok-patched")));
    await compile(part, [...modfile, ...flags(part), "-o", join(out, part), "."], directory, progress);
    if (part === "kubernetes") await Promise.all(KUBERNETES_COMPONENTS.map((name) => symlink(part, join(out, name))));
    await rename(out, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Where builds are kept; a folder per part, in it a folder per content. */
const cacheDirectory = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "drover");

/**
 * The directory with the part's executables: `kubernetes` (with links `etcd`, `kube-apiserver`, `kube-controller-manager`,
 * `kube-scheduler`, `kubectl`) or `kwok` (with
 * `stages.yaml`). Builds it first when it is not there yet; `progress` gets a line now and then.
 */
export const controlPlane = async (part: Part, progress: (line: string) => void = () => {}): Promise<string> => {
  const target = join(cacheDirectory(), part, await fingerprint(part, await goVersion()));
  if (await exists(target)) return target;
  await withLock(
    `build ${target}`,
    async () => {
      if (!(await exists(target))) await build(part, target, progress);
    },
    () => progress(`building ${part}: another process is building it, waiting`),
  );
  return target;
};
