// Checks a value against a schema without an API server: what the agent does with sets that it reads back from its own
// copy, what the CLI does with a file before it sends it. Structure only (types, required and unknown fields, words,
// bounds, patterns); the rules in CEL are the API server's.
import type { KubeObject } from "../../lib/kube/object.ts";
import { API_VERSION, type KindDefinition } from "./kind.ts";
import { rootSchema } from "./manifest.ts";
import type { JsonSchema } from "./schema.ts";

/** One thing that is wrong: where (`spec.bindings[2].template`) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/** An object of this kind, or everything that keeps the value from being one. Defaults are not filled in. */
export function parse<T extends KubeObject>(kind: KindDefinition<T>, value: unknown): Parsed<T> {
  const problems = [...identity(kind, value), ...check(rootSchema(kind), value, "")];
  return problems.length === 0 ? { ok: true, value: value as T } : { ok: false, problems };
}

function identity<T extends KubeObject>(kind: KindDefinition<T>, value: unknown): readonly Problem[] {
  if (!isObject(value)) return [];
  const problems: Problem[] = [];
  if (value.apiVersion !== API_VERSION) problems.push({ path: "apiVersion", message: `must be ${API_VERSION}` });
  if (value.kind !== kind.kind) problems.push({ path: "kind", message: `must be ${kind.kind}` });
  const name = isObject(value.metadata) ? value.metadata.name : undefined;
  if (typeof name !== "string" || name === "") problems.push({ path: "metadata.name", message: "must be a name" });
  return problems;
}

function check(schema: JsonSchema, value: unknown, path: string): readonly Problem[] {
  if (schema["x-kubernetes-int-or-string"]) {
    return typeof value === "string"
      ? checkString(schema, value, path)
      : Number.isInteger(value)
        ? []
        : wrong(path, "must be a number or a string");
  }
  switch (schema.type) {
    case "string":
      return typeof value === "string" ? checkString(schema, value, path) : wrong(path, "must be a string");
    case "boolean":
      return typeof value === "boolean" ? [] : wrong(path, "must be true or false");
    case "integer":
      return Number.isSafeInteger(value) ? checkNumber(schema, value as number, path) : wrong(path, "must be a whole number");
    case "array":
      return Array.isArray(value) ? checkArray(schema, value, path) : wrong(path, "must be a list");
    default:
      return isObject(value) ? checkObject(schema, value, path) : wrong(path, "must be an object");
  }
}

function checkString(schema: JsonSchema, value: string, path: string): readonly Problem[] {
  // The API server counts code points, not UTF-16 units.
  const length = [...value].length;
  if (schema.enum && !schema.enum.includes(value)) return wrong(path, `must be one of ${schema.enum.join(", ")}`);
  if (length < (schema.minLength ?? 0)) return wrong(path, `must have at least ${schema.minLength} characters`);
  if (length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return wrong(path, `must have at most ${schema.maxLength} characters`);
  if (schema.pattern && !new RegExp(schema.pattern).test(value)) return wrong(path, `must match ${schema.pattern}`);
  if (schema.format === "date-time" && !RFC3339.test(value)) return wrong(path, "must be a time as in 2030-01-01T00:00:00Z");
  return [];
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function checkNumber(schema: JsonSchema, value: number, path: string): readonly Problem[] {
  if (value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) return wrong(path, `must be at least ${schema.minimum}`);
  return value > (schema.maximum ?? Number.POSITIVE_INFINITY) ? wrong(path, `must be at most ${schema.maximum}`) : [];
}

function checkArray(schema: JsonSchema, value: readonly unknown[], path: string): readonly Problem[] {
  // Too long a list is not looked at item by item: the bound is there to limit the work.
  if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) return wrong(path, `must have at most ${schema.maxItems} items`);
  if (value.length < (schema.minItems ?? 0)) return wrong(path, `must have at least ${schema.minItems} items`);
  const { items } = schema;
  return items ? value.flatMap((item, index) => check(items, item, `${path}[${index}]`)) : [];
}

function checkObject(schema: JsonSchema, value: Readonly<Record<string, unknown>>, path: string): readonly Problem[] {
  const { properties, additionalProperties, required = [] } = schema;
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  if (names.length > (schema.maxProperties ?? Number.POSITIVE_INFINITY))
    return wrong(path, `must have at most ${schema.maxProperties} entries`);
  if (path === "metadata") return [];
  const missing = required.filter((name) => value[name] === undefined).map((name) => ({ path: at(name), message: "is required" }));
  return [
    ...missing,
    ...names.flatMap((name) => {
      const known = additionalProperties ?? (properties && Object.hasOwn(properties, name) ? properties[name] : undefined);
      return known ? check(known, value[name], at(name)) : wrong(at(name), "is not a field of this kind");
    }),
  ];
}

const wrong = (path: string, message: string): readonly Problem[] => [{ path: path === "" ? "(the object)" : path, message }];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
