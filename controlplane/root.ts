import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The checkout that this code belongs to, whether it runs from its sources or from a bundle in dist/. */
export const repositoryRoot = (): string => {
  for (let at = import.meta.dirname; at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, "controlplane/kubernetes/go.mod"))) return at;
  }
  throw new Error("the sources of the control plane were not found beside this program; run it from a checkout of Drover");
};
