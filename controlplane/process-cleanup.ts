// Process cleanup: a small shell beside a process that starts others. When that process ends, in whatever way, the shell kills the
// processes that are left and removes the scratch directory. It notices the end by the end of its standard input, and finds the processes
// by a mark in their environment: a list of pids would lack the one that was being started at that moment.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { CLEANUP_MARK } from "./process.ts";

const SCRIPT = `
directory=
while read -r word value; do
  case $word in
    remove) directory=$value ;;
    done) exit 0 ;;
  esac
done
# A child shows its mark only once it has become its command: several looks in a row must find nothing.
quiet=0
while [ "$quiet" -lt 5 ]; do
  quiet=$((quiet + 1))
  for file in $(grep -lszxF -e "$1" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    pid=\${pid%/environ}
    # Each leads a process group, in which its children may have dropped the mark.
    kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null
    quiet=0
  done
  sleep 0.1
done
if [ -n "$directory" ]; then rm -rf -- "$directory"; fi
`;

export interface ProcessCleanup {
  /** For `startProcess`: what carries it is killed, with its process group, when this process ends. */
  readonly mark: string;
  /** Also remove `directory`. */
  remove(directory: string): void;
  /** Ends the shell: nothing is killed or removed any more. */
  dismiss(): void;
}

export const startProcessCleanup = (): ProcessCleanup => {
  const mark = randomUUID();
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "process-cleanup", `${CLEANUP_MARK}=${mark}`], {
    detached: true,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  (shell.stdin as unknown as { unref?: () => void }).unref?.();
  return {
    mark,
    remove: (directory) => void shell.stdin.write(`remove ${directory}\n`),
    dismiss: () => void shell.stdin.end("done\n"),
  };
};
