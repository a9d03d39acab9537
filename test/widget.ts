// A small kind for tests of what works on any kind: with a spec, a status subresource and conditions by type.
import { CustomResourceDefinition } from "../lib/kube/core.ts";
import type { Condition, Kind, KubeObject } from "../lib/kube/object.ts";

export interface Widget extends KubeObject {
  readonly spec?: { readonly size?: number; readonly role?: string; readonly ring?: boolean };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly seen?: number };
}
export const Widget: Kind<Widget> = { apiVersion: "test.drover.dev/v1", kind: "Widget", plural: "widgets", namespaced: true };

const text = { type: "string" };
const item = {
  type: "object",
  required: ["type", "status"],
  properties: {
    type: text,
    status: text,
    reason: text,
    message: text,
    lastTransitionTime: { type: "string", format: "date-time" },
    observedGeneration: { type: "integer" },
  },
};
const schema = {
  type: "object",
  properties: {
    spec: { type: "object", properties: { size: { type: "integer" }, role: text, ring: { type: "boolean" } } },
    status: {
      type: "object",
      properties: {
        seen: { type: "integer" },
        conditions: { type: "array", items: item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
      },
    },
  },
};

export const widgetDefinition: CustomResourceDefinition = {
  apiVersion: CustomResourceDefinition.apiVersion,
  kind: CustomResourceDefinition.kind,
  metadata: { name: "widgets.test.drover.dev" },
  spec: {
    group: "test.drover.dev",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [{ name: "v1", served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: schema } }],
  },
};
