// deploy/bases/guards: the hub's admission policies as YAML, and the account that tries whether they refuse.
import { guardProbe } from "../../deploy/agent/manifest.ts";
import { hubGuards } from "../../lib/access/guards/bundle.ts";
import { type Generator, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/guards";

export const guards: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/guards.yaml`, "lib/access/guards", hubGuards()),
    yamlFile(`${FOLDER}/probe.yaml`, "deploy/agent/manifest.ts", guardProbe()),
    yamlFile(`${FOLDER}/kustomization.yaml`, "tools/generated/guards.ts", [
      { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: ["guards.yaml", "probe.yaml"] },
    ]),
  ],
};
