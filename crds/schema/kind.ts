import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { type Fields, object, type Shape } from "./builders.ts";
import { type ConditionBounds, conditionList, DEFAULT_BOUNDS } from "./condition.ts";
import type { Infer, Presence, Schema, ValidationRule } from "./schema.ts";

export const API_VERSION = "drover.dev/v1alpha1";

/** A column of `kubectl get`. `date` shows an age; `priority` 1 shows only with `-o wide`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date";
  readonly jsonPath: string;
  readonly description?: string;
  readonly priority?: number;
}

export interface KindSource<Spec extends Schema<unknown, Presence>, Status extends Fields> {
  readonly kind: string;
  readonly plural: string;
  readonly singular?: string;
  readonly shortNames: readonly string[];
  readonly scope: "Cluster" | "Namespaced";
  /** What it is for, who writes it. First line of `kubectl explain` and of its page in docs/kinds. */
  readonly description: string;
  readonly spec: Spec;
  /** Fields of the status besides `conditions`; nobody is bound to have written any of them. */
  readonly status?: Status;
  readonly conditions?: readonly { readonly type: string }[];
  /** Narrower ones where a managed cluster's agent writes them: it may be in other hands. */
  readonly conditionBounds?: ConditionBounds;
  /** Rules about the whole object: the only place where CEL sees metadata.name. */
  readonly rules?: readonly ValidationRule[];
  readonly columns?: readonly PrinterColumn[];
  /** For its page in docs/kinds: a whole object in YAML, accepted by the API server. */
  readonly example: string;
}

type ConditionList = Infer<ReturnType<typeof conditionList>>;

export type CustomObject<Spec, Status extends Fields> = KubeObject & {
  readonly spec: Spec;
  readonly status?: Shape<Status> & { readonly conditions?: ConditionList };
};

/** A kind with all that is known of it: `Kind<T>` for the client, and the source of its CRD and docs. */
export interface KindDefinition<T extends KubeObject> extends Kind<T> {
  readonly source: KindSource<Schema<unknown, Presence>, Fields>;
  /** Absent for kinds without a status. */
  readonly statusSchema?: Schema<unknown>;
}

/** The TypeScript type of a kind's objects, as they are read from the API server: defaults are filled in. */
export type ObjectOf<K> = K extends Kind<infer T> ? T : never;

export function kind<Spec extends Schema<unknown, Presence>, const Status extends Fields = Record<never, never>>(
  source: KindSource<Spec, Status>,
): KindDefinition<CustomObject<Infer<Spec>, Status>> {
  const hasStatus = source.status !== undefined || source.conditions !== undefined;
  return {
    apiVersion: API_VERSION,
    kind: source.kind,
    plural: source.plural,
    namespaced: source.scope === "Namespaced",
    source: source as unknown as KindSource<Schema<unknown, Presence>, Fields>,
    ...(hasStatus && {
      statusSchema: object("What Drover found and did about it; written by its own processes only.", {
        ...source.status,
        ...(source.conditions && { conditions: conditionList(source.conditionBounds ?? DEFAULT_BOUNDS).optional() }),
      }) as Schema<unknown>,
    }),
  };
}
