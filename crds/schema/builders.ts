// What kinds are described with. Every value has a description and a bound: the API server estimates the cost of
// CEL rules from the bounds, and etcd's limit on objects is a promise only if each part has one.
import { type Infer, type JsonSchema, type Presence, Schema } from "./schema.ts";

export type Fields = Readonly<Record<string, Schema<unknown, Presence>>>;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends Schema<unknown, "optional"> ? K : never }[keyof F];
type Simplify<T> = { readonly [K in keyof T]: T[K] };
export type Shape<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & { readonly [K in OptionalKeys<F>]?: Infer<F[K]> }
>;

export function object<const F extends Fields>(description: string, fields: F): Schema<Shape<F>> {
  const required = Object.keys(fields).filter((name) => isRequired(fields[name]));
  return new Schema<Shape<F>>(
    {
      type: "object",
      description,
      ...(Object.keys(fields).length > 0 && {
        properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.json])),
      }),
      ...(required.length > 0 && { required }),
    },
    "required",
  );
}

/** A field with a default is always there when read, but need not be written. */
const isRequired = (field: Schema<unknown, Presence> | undefined): boolean =>
  field !== undefined && field.presence === "required" && field.json.default === undefined;

export interface StringBounds {
  readonly maxLength: number;
  readonly minLength?: number;
  /** For what machines write; where people write use `matching`, whose refusal is a sentence. */
  readonly pattern?: string;
}

export const string = (description: string, bounds: StringBounds): Schema<string> =>
  new Schema<string>({ type: "string", description, ...bounds }, "required");

/** One of a closed set of words. */
export const choice = <const V extends readonly string[]>(description: string, values: V): Schema<V[number]> =>
  new Schema<V[number]>({ type: "string", description, enum: values }, "required");

/** A point in time, RFC 3339 in UTC or with an offset, as a string. */
export const time = (description: string): Schema<string> =>
  new Schema<string>({ type: "string", format: "date-time", description, maxLength: 40 }, "required");

export const boolean = (description: string): Schema<boolean> => new Schema<boolean>({ type: "boolean", description }, "required");

export const integer = (
  description: string,
  bounds: { readonly minimum: number; readonly maximum: number } = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
): Schema<number> => new Schema<number>({ type: "integer", format: "int64", description, ...bounds }, "required");

/** An amount as Kubernetes writes it: "500m", "2", "10Gi", or a bare number. */
export const quantity = (description: string): Schema<string | number> =>
  new Schema<string | number>(
    { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }], maxLength: 30, pattern: QUANTITY, description },
    "required",
  );

const QUANTITY = "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

export interface ListBounds {
  readonly maxItems: number;
  readonly minItems?: number;
}

/** A list with one writer as a whole: server-side apply keeps no record for each item, which would outgrow long lists. */
export const array = <T>(description: string, items: Schema<T>, bounds: ListBounds): Schema<readonly T[]> =>
  new Schema<readonly T[]>({ type: "array", description, items: items.json, "x-kubernetes-list-type": "atomic", ...bounds }, "required");

/** A list whose items several writers own, told apart by `keys`. */
export const arrayByKey = <T>(
  description: string,
  items: Schema<T>,
  keys: readonly (keyof T & string)[],
  maxItems: number,
): Schema<readonly T[]> =>
  new Schema<readonly T[]>(
    { type: "array", description, items: items.json, maxItems, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys },
    "required",
  );

export const map = <T>(description: string, values: Schema<T>, maxProperties: number): Schema<Readonly<Record<string, T>>> =>
  new Schema<Readonly<Record<string, T>>>({ type: "object", description, additionalProperties: values.json, maxProperties }, "required");

/** CEL: exactly one of these fields is there. Words that CEL reserves are escaped as the API server wants it. */
export const exactlyOne = (fields: readonly string[]): string => `[${fields.map(has).join(", ")}].filter(x, x).size() == 1`;

/** CEL: each of these fields is there now if it was before, and is absent if it was absent. */
export const samePresence = (fields: readonly string[]): string =>
  fields.map((field) => `${has(field)} == has(oldSelf.${escaped(field)})`).join(" && ");

const has = (field: string): string => `has(self.${escaped(field)})`;

const RESERVED = new Set(["import", "namespace", "in", "as", "package", "function", "const", "var", "loop", "for", "if", "else"]);
const escaped = (field: string): string => (RESERVED.has(field) ? `__${field}__` : field);

export type { JsonSchema };
