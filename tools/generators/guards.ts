// deploy/bases/guards: the hub's admission policies as YAML, and the account that tests whether they refuse.
import { guardProbe } from "../../deploy/agent/manifest.ts";
import { GUARD_HISTORY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { PART_OF } from "../../lib/components/rbac.ts";
import { HUB_GUARDS } from "../../lib/guards/bundle.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/guards";

export const guards: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/guards.yaml`, "lib/guards", HUB_GUARDS.objects),
    // Without data, which the access operator writes: applying this again keeps that data.
    yamlFile(`${FOLDER}/history.yaml`, "tools/generators/guards.ts", [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: GUARD_HISTORY, namespace: SYSTEM_NAMESPACE, labels: PART_OF },
      },
    ]),
    yamlFile(`${FOLDER}/probe.yaml`, "deploy/agent/manifest.ts", guardProbe()),
    kustomizationFile(FOLDER, "tools/generators/guards.ts", { resources: ["guards.yaml", "history.yaml", "probe.yaml"] }),
  ],
};
