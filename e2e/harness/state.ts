// The environment that the stories run in, as `drover-dev up` describes it in state.json.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ProcessState {
  readonly pid: number;
  readonly log: string;
}

export interface State {
  readonly kubectl: string;
  readonly auth: { readonly url: string };
  readonly proxy: { readonly url: string; readonly urls: readonly string[]; readonly ca: string };
  readonly hub: { readonly adminKubeconfig: string; readonly auditLog: string };
  readonly clusters: Readonly<Record<string, { readonly adminKubeconfig: string; readonly auditLog: string }>>;
  readonly admin: { readonly user: string; readonly passwordFile: string };
  /** By name: "proxy:0", "agent:east", "operator:access", "apiserver:hub"… */
  readonly processes: Readonly<Record<string, ProcessState>>;
}

/** Where the environment lies; the run's setup says so. */
export function directory(): string {
  const given = process.env.DROVER_E2E_DIR;
  if (!given) throw new Error("DROVER_E2E_DIR is not set: run the stories with `make test-e2e`");
  return given;
}

/** Read anew each time: a restarted process has another pid. */
export function state(): State {
  return JSON.parse(readFileSync(join(directory(), "state.json"), "utf8")) as State;
}

/** A file of the stories' own, beside the environment. */
export const scratch = (name: string): string => join(directory(), "e2e", name);
