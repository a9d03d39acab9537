// The CLI as users run it, towards servers whose certificate is wrong, and from behind an outbound proxy.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { runCommand } from "../controlplane/command.ts";
import { type OutboundSite, startOutboundSite, withoutSquid } from "../test/outbound-site.ts";

const NAME = "auth.drover.test";
const root = join(import.meta.dirname, "..");
let site: OutboundSite;
let directory: string;
let caFile: string;

beforeAll(async () => {
  site = await startOutboundSite(NAME);
  directory = await mkdtemp(join(tmpdir(), "drover-cli-"));
  caFile = join(directory, "ca.crt");
  await writeFile(caFile, site.ca);
}, 120_000);
afterAll(async () => {
  await site?.stop();
  await rm(directory, { recursive: true });
});

async function drover(args: readonly string[], more: Record<string, string> = {}): Promise<{ code: number; stderr: string }> {
  const env = { PATH: "/usr/bin:/bin", HOME: directory, ...more };
  const program = [join(root, "cli/main.ts"), ...args];
  const { code, stderr } = await runCommand(join(root, "tools/node"), program, { env, cwd: directory, input: "a password\n" });
  return { code, stderr: stderr.trim() };
}
const login = (server: string, ca: string, env: Record<string, string> = {}) =>
  drover(["login", server, "--ca-file", ca, "--username", "alice", "--password-stdin"], env);

test("CLI to auth: each wrong certificate is refused in one line that says what is wrong with it, and no password is sent", async () => {
  const ca = join(directory, "right.crt");
  const { bad } = site;
  await writeFile(ca, bad.ca);
  for (const { what, url: server, said } of bad.servers) {
    const { code, stderr } = await login(server, ca);
    expect({ what, code, stderr }).toEqual({ what, code: 5, stderr: expect.stringMatching(said) });
    expect(stderr.split("\n")).toHaveLength(1);
    // Another authority is the advice only where that can help.
    expect({ what, advice: stderr.includes("--ca-file") }).toEqual({
      what,
      advice: /authorit/.test(said.source) || /self-signed/.test(said.source),
    });
  }
  expect(bad.heard()).toBe(0);
});

test("CLI to the hub's API server: likewise", async () => {
  const { bad } = site;
  for (const { what, url: server, said } of bad.servers) {
    const path = join(directory, "hub.kubeconfig");
    const cluster = { server, "certificate-authority-data": Buffer.from(bad.ca).toString("base64") };
    const contexts = [{ name: "x", context: { cluster: "c", user: "" } }];
    await writeFile(path, JSON.stringify({ clusters: [{ name: "c", cluster }], contexts, "current-context": "x" }));
    const { code, stderr } = await drover(["import", "east", "--kubeconfig", path]);
    expect({ what, code, stderr }).toEqual({ what, code: 5, stderr: expect.stringMatching(said) });
    expect(stderr.split("\n")).toHaveLength(1);
  }
  expect(bad.heard()).toBe(0);
});

test("login goes through HTTPS_PROXY with its user and password, and says without showing them when the proxy refuses", async () => {
  const { squid, url } = site;
  if (squid === undefined) return withoutSquid();
  const through = await login(url, caFile, { https_proxy: squid.url });
  expect(through).toMatchObject({ code: 4, stderr: expect.stringContaining(`${url}: HTTP 404`) });
  expect((await squid.tunnels()).at(-1)).toEqual({ target: new URL(url).host, user: squid.user, status: "200" });
  const refused = await login(url, caFile, { HTTPS_PROXY: squid.url.replace("%3A", "%3Bsecret") });
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining(`the proxy ${squid.host} answered CONNECT`) });
  expect(refused.stderr).not.toMatch(/secret|robot|password is/);
  const direct = await login(url, caFile, { HTTPS_PROXY: squid.url, NO_PROXY: "drover.test" });
  expect(direct).toMatchObject({ code: 5, stderr: expect.stringContaining("does not resolve") });
  const nonsense = await login(url, caFile, { HTTPS_PROXY: "socks5://me:secret@127.0.0.1:1" });
  expect(nonsense).toMatchObject({ code: 5, stderr: expect.stringContaining("HTTPS_PROXY is not the URL of an http or https proxy") });
  expect(nonsense.stderr).not.toContain("secret");
});
