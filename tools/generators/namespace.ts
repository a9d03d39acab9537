// deploy/bases/namespace: drover-system, which is the same as in the manifest of a managed cluster, and the namespace of the proxies' Leases.
import { systemNamespace } from "../../deploy/agent/manifest.ts";
import { PROXY_NAMESPACE } from "../../lib/access/names.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/namespace";

export const namespace: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/namespace.yaml`, "deploy/agent/manifest.ts", [systemNamespace()]),
    yamlFile(`${FOLDER}/proxies.yaml`, "tools/generators/namespace.ts", [
      { ...systemNamespace(), metadata: { ...systemNamespace().metadata, name: PROXY_NAMESPACE } },
    ]),
    kustomizationFile(FOLDER, "tools/generators/namespace.ts", { resources: ["namespace.yaml", "proxies.yaml"] }),
  ],
};
