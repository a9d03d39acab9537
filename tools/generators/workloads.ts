// deploy/bases/workloads: the manifests of each component on the hub, and its default configuration as a file that overlays copy.
import { configMapOf, IMAGE, settingsOf, workloadOf } from "../../deploy/hub/workloads.ts";
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { HUB_COMPONENT_NAMES } from "../../lib/components/components.ts";
import { PART_OF } from "../../lib/components/rbac.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/workloads";
const SOURCE = "deploy/hub/workloads.ts";
const VERSION = "0.1.0";

export const workloads: Generator = {
  owns: [FOLDER],
  files: () => [
    ...HUB_COMPONENT_NAMES.map((name) => yamlFile(`${FOLDER}/${name}.yaml`, SOURCE, workloadOf(name))),
    ...HUB_COMPONENT_NAMES.map((name) => ({
      path: `${FOLDER}/config/${name}.json`,
      content: `${JSON.stringify(settingsOf(name), null, 2)}\n`,
    })),
    kustomizationFile(FOLDER, "tools/generators/workloads.ts", kustomization),
  ],
};

const kustomization = {
  resources: HUB_COMPONENT_NAMES.map((name) => `${name}.yaml`),
  // A changed setting gives the ConfigMap another name, so that the pods are replaced.
  configMapGenerator: HUB_COMPONENT_NAMES.map((name) => ({
    name: configMapOf(name),
    namespace: SYSTEM_NAMESPACE,
    files: [`config.json=config/${name}.json`],
  })),
  generatorOptions: { labels: PART_OF },
  // The one place that names the image; that of the agents follows it by the replacement.
  images: [{ name: IMAGE, newName: IMAGE, newTag: VERSION }],
  replacements: [
    {
      source: { kind: "Deployment", name: "proxy", fieldPath: "spec.template.spec.containers.0.image" },
      targets: [
        {
          select: { kind: "ConfigMap", name: configMapOf("operator-clusters") },
          fieldPaths: ["data.[config.json]"],
          // "agentImage" is the first field of the file, so its value is the fourth part between quotes.
          options: { delimiter: '"', index: 3 },
        },
      ],
    },
  ],
};
