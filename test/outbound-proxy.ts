// A real outbound proxy (squid) on loopback, as companies have them: it asks for a user and a password, and resolves names itself.
import { createHash } from "node:crypto";
import { accessSync, constants } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reservePorts } from "../controlplane/ports.ts";
import { startProcess, stopProcess, waitUntilReady } from "../controlplane/process.ts";
import { startProcessCleanup } from "../controlplane/process-cleanup.ts";

const SQUID = "/usr/sbin/squid";
const BASIC_AUTH = "/usr/lib/squid/basic_ncsa_auth";
const READY_MS = 60_000;

export interface OutboundProxy {
  /** With user and password in it. */
  readonly url: string;
  /** host:port */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** The targets (host:port) to which a tunnel was opened, in order, and by whom. */
  tunnels(): Promise<{ readonly target: string; readonly user: string; readonly status: string }[]>;
  stop(): Promise<void>;
}

/** Undefined where squid is not installed and only root can install it; `make test-packages` says how. */
export async function startOutboundProxy(names: readonly string[]): Promise<OutboundProxy | undefined> {
  if (!isInstalled(SQUID)) {
    if (process.getuid?.() === 0) throw new Error("squid is missing: make test-packages installs it");
    return undefined;
  }
  const directory = await mkdtemp(join(tmpdir(), "drover-squid-"));
  // Started by root, squid becomes a user of its own before it opens its log.
  await chmod(directory, 0o777);
  // A password that must be escaped in a URL, and is easy to find where it is printed.
  const [user, password] = ["robot@corp", "pass:wo/rd%"];
  const reserved = await reservePorts(1);
  const port = reserved.ports[0] ?? 0;
  await writeFile(join(directory, "hosts"), names.map((name) => `127.0.0.1 ${name}\n`).join(""));
  // The one form of a hash that squid's helper knows and that needs no crypt(3).
  await writeFile(join(directory, "passwd"), `${user}:${createHash("md5").update(password).digest("hex")}\n`);
  await writeFile(join(directory, "squid.conf"), configuration(directory, port));
  const log = join(directory, "output.log");
  await writeFile(log, "", { mode: 0o666 });
  const cleanup = startProcessCleanup();
  const running = await startProcess(
    { command: SQUID, args: ["-N", "-f", join(directory, "squid.conf")], env: { PATH: "/usr/sbin:/usr/bin:/bin" }, cwd: directory, log },
    cleanup.mark,
  );
  cleanup.remove(directory);
  const stop = async (): Promise<void> => {
    await stopProcess(running, 5_000);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await waitUntilReady("squid", { running, log }, () => accepts(port), { limitMs: READY_MS });
  } catch (error) {
    await stop();
    throw error;
  } finally {
    reserved.release();
  }
  return {
    ...{ user, password, host: `127.0.0.1:${port}`, stop },
    url: `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    tunnels: async () => {
      const lines = (await readFile(join(directory, "access.log"), "utf8").catch(() => "")).split("\n");
      const all = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as { target: string; user: string; status: string });
      // What only connected and went away again asked for nothing.
      return all.filter(({ status }) => status !== "0");
    },
  };
}

const configuration = (directory: string, port: number): string => `
http_port 127.0.0.1:${port}
pid_filename none
coredump_dir ${directory}
cache_log ${directory}/cache.log
# A line is written when the tunnel ends.
logformat tunnel {"target":"%ru","user":"%un","status":"%>Hs"}
access_log stdio:${directory}/access.log tunnel
buffered_logs off
netdb_filename none
cache deny all
cache_mem 1 MB
shutdown_lifetime 0 seconds
hosts_file ${directory}/hosts
dns_nameservers 127.0.0.1
auth_param basic program ${BASIC_AUTH} ${directory}/passwd
auth_param basic children 1 startup=1
acl known proxy_auth REQUIRED
http_access allow CONNECT known
http_access deny all
`;

function isInstalled(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
