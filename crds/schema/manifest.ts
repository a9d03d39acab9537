import type { KubeObject } from "../../lib/kube/object.ts";
import type { KindDefinition } from "./kind.ts";
import type { JsonSchema } from "./schema.ts";

const GROUP = "drover.dev";
const VERSION = "v1alpha1";

export const crdName = (kind: KindDefinition<KubeObject>): string => `${kind.plural}.${GROUP}`;

/** The CustomResourceDefinition of a kind, as it is applied. */
export function crdOf(kind: KindDefinition<KubeObject>): KubeObject & { readonly spec: unknown } {
  const { source } = kind;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: crdName(kind), labels: { "app.kubernetes.io/part-of": "drover" } },
    spec: {
      group: GROUP,
      scope: source.scope,
      names: {
        kind: source.kind,
        listKind: `${source.kind}List`,
        plural: source.plural,
        singular: source.singular ?? source.kind.toLowerCase(),
        shortNames: source.shortNames,
        categories: ["drover"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(kind) },
          ...(kind.statusSchema && { subresources: { status: {} } }),
          ...(source.columns && { additionalPrinterColumns: source.columns }),
        },
      ],
    },
  };
}

/** The schema of a whole object, metadata left to the API server. */
export function rootSchema(kind: KindDefinition<KubeObject>): JsonSchema {
  const { source, statusSchema } = kind;
  return {
    type: "object",
    description: source.description,
    properties: {
      apiVersion: { type: "string", description: "The version of this schema of the object: drover.dev/v1alpha1." },
      kind: { type: "string", description: `The kind of the object: ${source.kind}.` },
      metadata: { type: "object" },
      spec: source.spec.json,
      ...(statusSchema && { status: statusSchema.json }),
    },
    required: ["spec"],
    ...(source.rules && { "x-kubernetes-validations": source.rules }),
  };
}
