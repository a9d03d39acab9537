import { type Command, InvalidArgumentError, Option } from "commander";
import { FORMATS } from "../output.ts";

/** For commands that need rights on the hub itself. */
export const hubOptions = (command: Command): Command =>
  command
    .option("--kubeconfig <file>", "kubeconfig of the hub (default: $KUBECONFIG, then ~/.kube/config)")
    .option("--context <name>", "context in it (default: the current one)");

export const formatOption = (command: Command): Command =>
  command.addOption(new Option("-o, --output <format>", "how to print").choices(FORMATS).default("table"));

/** "90", "30m", "8h" or "7d", in seconds. */
export function duration(text: string): number {
  const [, digits, unit = "s"] = /^([1-9][0-9]{0,8})([smhd])?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("write a time like 90s, 30m, 8h or 7d");
  return Number(digits) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as "s" | "m" | "h" | "d"];
}

/** "east,west" */
export const names = (text: string): string[] => text.split(",").filter((name) => name !== "");
