// What kubectl shows when it is let in, and when it is not.
import type { CommandResult } from "./command.ts";
import type { Kubectl } from "./kubectl.ts";
import { not, until } from "./until.ts";

/** kubectl first asks which kinds there are, and complains about a refusal of that in lines of its own. */
export const isForbidden = ({ code, stderr }: CommandResult): boolean => code === 1 && /^Error from server \(Forbidden\): /m.test(stderr);

export const untilAllowed = (kubectl: Kubectl, args: readonly string[], withinMs?: number): Promise<CommandResult> =>
  until(
    `kubectl ${args.join(" ")} succeeds`,
    async () => {
      const result = await kubectl.run(args);
      return result.code === 0 ? result : not(result.stderr);
    },
    withinMs,
  );

export const untilForbidden = (kubectl: Kubectl, args: readonly string[], withinMs?: number): Promise<CommandResult> =>
  until(
    `kubectl ${args.join(" ")} is forbidden`,
    async () => {
      const result = await kubectl.run(args);
      return isForbidden(result) ? result : not(`exit code ${result.code}: ${result.stderr}`);
    },
    withinMs,
  );
