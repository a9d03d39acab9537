// crds/manifests: one CustomResourceDefinition for each kind, and the kustomization that lists them.
import { KINDS } from "../../crds/kinds.ts";
import { crdName, crdOf } from "../../crds/schema/manifest.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "crds/manifests";

export const crds: Generator = {
  owns: [FOLDER],
  files: () => [
    ...KINDS.map((kind) => yamlFile(`${FOLDER}/${crdName(kind)}.yaml`, `crds/v1alpha1/${kind.kind.toLowerCase()}.ts`, [crdOf(kind)])),
    kustomizationFile(FOLDER, "crds/kinds.ts", { resources: KINDS.map((kind) => `${crdName(kind)}.yaml`).sort() }),
  ],
};
