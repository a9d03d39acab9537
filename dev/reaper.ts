// A small shell beside a process that starts others: when that process is gone, however it went, the shell kills what is left
// and removes the scratch directory. It learns of the end by the end of its standard input.
import { spawn } from "node:child_process";

const SCRIPT = `
groups= ; directory=
while read -r word value; do
  case $word in
    kill) groups="$groups $value" ;;
    remove) directory=$value ;;
    done) exit 0 ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
if [ -n "$directory" ]; then sleep 0.2; rm -rf -- "$directory"; fi
`;

export interface Reaper {
  /** Also kill the process group `pid` when this process ends. */
  watch(pid: number): void;
  /** Also remove `directory`. */
  remove(directory: string): void;
  /** Nothing is to be reaped any more. */
  dismiss(): void;
}

export const startReaper = (): Reaper => {
  const shell = spawn("/bin/sh", ["-c", SCRIPT], {
    detached: true,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  (shell.stdin as unknown as { unref?: () => void }).unref?.();
  const say = (line: string): void => {
    shell.stdin.write(`${line}\n`);
  };
  return {
    watch: (pid) => say(`kill ${pid}`),
    remove: (directory) => say(`remove ${directory}`),
    dismiss: () => {
      shell.stdin.end("done\n");
    },
  };
};
