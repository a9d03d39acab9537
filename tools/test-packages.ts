// Debian packages that tests need: installs missing ones as root, and otherwise prints how to install them.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { execaSync } from "execa";

const packages: readonly { readonly name: string; readonly program: string; readonly for: string }[] = [
  { name: "squid", program: "/usr/sbin/squid", for: "connections through an outbound proxy" },
];
/** Debian asks this file whether an installed service may be started; none of them is wanted as a service. */
const POLICY = "/usr/sbin/policy-rc.d";

const missing = packages.filter(({ program }) => !existsSync(program));
const names = missing.map(({ name }) => name);
if (missing.length > 0) {
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) install();
  else
    for (const one of missing)
      console.error(`not tested: ${one.for}; to test it: sudo apt-get install --no-install-recommends ${one.name}`);
}

function install(): void {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (aptGet("install", "-y", "--no-install-recommends", ...names) !== 0) {
      aptGet("update");
      if (aptGet("install", "-y", "--no-install-recommends", ...names) !== 0) process.exitCode = 1;
    }
  } finally {
    if (ours) rmSync(POLICY);
  }
  if (process.exitCode === 1) console.error(`apt-get could not install ${names.join(", ")}; tests need it when they run as root`);
}

function aptGet(...args: readonly string[]): number {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  return execaSync("apt-get", ["-qq", ...args], { env, stdio: ["ignore", "ignore", "inherit"], reject: false }).exitCode ?? 1;
}
