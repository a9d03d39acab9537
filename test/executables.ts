import { join } from "node:path";
import { controlPlane } from "../dev/controlplane.ts";

/** The real kubectl, for tests that need no API server. */
export const kubectlPath = async (): Promise<string> =>
  join(await controlPlane("kubernetes", (line) => process.stderr.write(`${line}\n`)), "kubectl");
