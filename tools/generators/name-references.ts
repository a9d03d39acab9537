// deploy/components/name-references: what kustomize must know about Drover's kinds so that namePrefix, nameSuffix and similar fields rename an
// object together with the fields that name it.
import { KINDS } from "../../crds/kinds.ts";
import { REFERENCES } from "../../crds/references.ts";
import { GROUP } from "../../lib/access/names.ts";
import { type Generator, yamlFile } from "./file.ts";

const FOLDER = "deploy/components/name-references";
const SOURCE = "crds/references.ts";
const VERSION = "v1alpha1";

const nameReference = [...new Set(REFERENCES.map(({ to }) => to))].map((kind) => ({
  kind,
  ...(kind === "Secret" ? { version: "v1" } : { group: GROUP }),
  fieldSpecs: REFERENCES.filter(({ to }) => to === kind).map(({ from, path }) => ({ path, group: GROUP, kind: from })),
}));

/** Without it kustomize treats every unknown kind as namespaced, and finds no references across namespaces. */
const scopes = {
  swagger: "2.0",
  info: { title: `Generated from ${SOURCE} by tools/generate.ts: the scopes of Drover's kinds`, version: VERSION },
  paths: Object.fromEntries(
    KINDS.filter(({ source }) => !source.internal).map(({ kind, plural, namespaced }) => [
      `/apis/${GROUP}/${VERSION}/${namespaced ? "namespaces/{namespace}/" : ""}${plural}/{name}`,
      {
        get: {
          "x-kubernetes-action": "get",
          "x-kubernetes-group-version-kind": { group: GROUP, kind, version: VERSION },
          responses: {},
        },
      },
    ]),
  ),
};

export const nameReferences: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/name-references.yaml`, SOURCE, [{ nameReference }]),
    { path: `${FOLDER}/scopes.json`, content: `${JSON.stringify(scopes, null, 2)}\n` },
    yamlFile(`${FOLDER}/kustomization.yaml`, "tools/generators/name-references.ts", [
      {
        apiVersion: "kustomize.config.k8s.io/v1alpha1",
        kind: "Component",
        configurations: ["name-references.yaml"],
        openapi: { path: "scopes.json" },
      },
    ]),
  ],
};
