import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { type Fields, integer, object, type Shape } from "./builders.ts";
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

/** The columns of kinds with condition Ready. */
export const READY_COLUMNS: readonly PrinterColumn[] = [
  { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
  { name: "Reason", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
];

export interface KindSource<Spec extends Schema<unknown, Presence>, Status extends Fields> {
  readonly kind: string;
  readonly plural: string;
  readonly singular?: string;
  readonly shortNames: readonly string[];
  readonly scope: "Cluster" | "Namespaced";
  /** What it is for, who writes it. First line of `kubectl explain` and of its page in docs/kinds. */
  readonly description: string;
  /** Written by Drover's own processes only: a guard refuses everybody else, and nobody keeps such objects in files. */
  readonly internal?: true;
  readonly spec: Spec;
  /** Fields of the status besides `conditions`; nobody is bound to have written any of them. */
  readonly status?: Status;
  readonly conditions?: readonly { readonly type: string }[];
  /** Gives the kind condition Ready, which sums up these conditions; the first of them weighs most. See lib/kube/object.ts. */
  readonly ready?: { readonly of: readonly { readonly type: string }[]; readonly intended?: readonly string[] };
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
  readonly status?: Shape<Status> & { readonly observedGeneration?: number; readonly conditions?: ConditionList };
};

/** A kind with everything about it: `Kind<T>` for the client, and the source of its CRD and docs. */
export interface KindDefinition<T extends KubeObject> extends Kind<T> {
  readonly source: KindSource<Schema<unknown, Presence>, Fields>;
  /** Absent for kinds without a status. */
  readonly statusSchema?: Schema<unknown>;
}

/** The TypeScript type of a kind's objects, as they are read from the API server: defaults are filled in. */
export type ObjectOf<K> = K extends Kind<infer T> ? T : never;

const observedGeneration = integer("The generation of the object that condition Ready is about; -1 before anybody looked at it.", {
  minimum: -1,
  maximum: Number.MAX_SAFE_INTEGER,
}).optional();

/** kstatus takes an object without any status for finished; with this it waits for the first look at a new one. */
const NOT_OBSERVED = { observedGeneration: -1 };

export function kind<Spec extends Schema<unknown, Presence>, const Status extends Fields = Record<never, never>>(
  source: KindSource<Spec, Status>,
): KindDefinition<CustomObject<Infer<Spec>, Status>> {
  const { ready } = source;
  const hasStatus = source.status !== undefined || source.conditions !== undefined;
  return {
    apiVersion: API_VERSION,
    kind: source.kind,
    plural: source.plural,
    namespaced: source.scope === "Namespaced",
    source: source as unknown as KindSource<Schema<unknown, Presence>, Fields>,
    ...(ready && { ready: { of: ready.of.map(({ type }) => type), intended: ready.intended ?? [] } }),
    ...(hasStatus && { statusSchema: ready ? statusOf(source).default(NOT_OBSERVED) : statusOf(source) }),
  };
}

const statusOf = ({ status, conditions, conditionBounds = DEFAULT_BOUNDS, ready }: KindSource<Schema<unknown, Presence>, Fields>) =>
  object("What Drover found and did about it; written by its own processes only.", {
    ...status,
    ...(ready && { observedGeneration }),
    ...(conditions && { conditions: conditionList(conditionBounds).optional() }),
  }) as Schema<unknown>;
