// deploy/bases/namespace: drover-system, the same as in a member's manifest.
import { systemNamespace } from "../../deploy/agent/manifest.ts";
import { type Generator, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/namespace";

export const namespace: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/namespace.yaml`, "deploy/agent/manifest.ts", [systemNamespace()]),
    yamlFile(`${FOLDER}/kustomization.yaml`, "tools/generated/namespace.ts", [
      { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: ["namespace.yaml"] },
    ]),
  ],
};
