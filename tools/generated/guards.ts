// deploy/bases/guards: the hub's admission policies as YAML, and the account that tries whether they refuse.
import { guardProbe } from "../../deploy/agent/manifest.ts";
import { hubGuards } from "../../lib/access/guards/bundle.ts";
import { GUARD_HISTORY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { type Generator, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/guards";

export const guards: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/guards.yaml`, "lib/access/guards", hubGuards()),
    // Without data, which the access operator keeps: applying it again forgets nothing.
    yamlFile(`${FOLDER}/history.yaml`, "tools/generated/guards.ts", [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: GUARD_HISTORY, namespace: SYSTEM_NAMESPACE, labels: { "app.kubernetes.io/part-of": "drover" } },
      },
    ]),
    yamlFile(`${FOLDER}/probe.yaml`, "deploy/agent/manifest.ts", guardProbe()),
    yamlFile(`${FOLDER}/kustomization.yaml`, "tools/generated/guards.ts", [
      { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: ["guards.yaml", "history.yaml", "probe.yaml"] },
    ]),
  ],
};
