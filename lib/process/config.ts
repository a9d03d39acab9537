import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject } from "ajv";

/** A configuration that cannot be used. The message is one line for the person who wrote it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}

export interface ConfigDefinition<T> {
  /** Checks, fills in defaults and freezes. Throws ConfigError. */
  parse(value: unknown): T;
}

/** A JSON schema as far as configurations need one. Objects in it refuse unknown keys without saying so. */
export interface Schema {
  readonly type: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly pattern?: string;
  readonly description?: string;
}

/** What a schema describes, after defaults are filled in: a field is there when it is required or has a default. */
export type Config<S> = S extends { readonly enum: readonly (infer V)[] }
  ? V
  : S extends { readonly type: "object"; readonly properties: infer P }
    ? Fields<P, S extends { readonly required: readonly (infer R)[] } ? R : never>
    : S extends { readonly type: "array"; readonly items: infer I }
      ? readonly Config<I>[]
      : S extends { readonly type: keyof Plain }
        ? Plain[S["type"]]
        : never;

type Fields<P, Required> = {
  readonly [K in keyof P as K extends Required ? K : P[K] extends { readonly default: unknown } ? K : never]: Config<P[K]>;
} & { readonly [K in keyof P as K extends Required ? never : P[K] extends { readonly default: unknown } ? never : K]?: Config<P[K]> };

interface Plain {
  readonly string: string;
  readonly integer: number;
  readonly number: number;
  readonly boolean: boolean;
}

/** The type of the configurations of a definition. */
export type ConfigOf<D> = D extends ConfigDefinition<infer T> ? T : never;

/**
 * Defines a process's configuration: a schema with defaults, and a check for what a schema cannot say, which returns the contradiction
 * in one line.
 */
export function defineConfig<const S extends Schema>(
  schema: S,
  contradiction: (config: Config<S>) => string | undefined = () => undefined,
): ConfigDefinition<Config<S>> {
  type T = Config<S>;
  const validate = new Ajv({ useDefaults: true, strict: true }).compile(closed(schema));
  return {
    parse(value) {
      const copy: unknown = structuredClone(value);
      if (!validate(copy)) throw new ConfigError(explain(validate.errors?.[0]));
      const found = contradiction(copy as T);
      if (found !== undefined) throw new ConfigError(found);
      return frozen(copy as T);
    },
  };
}

/** Reads a JSON file. Throws ConfigError, naming the file. */
export function readConfig<T>(file: string, definition: ConfigDefinition<T>): T {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message}`);
  }
  try {
    return definition.parse(JSON.parse(text));
  } catch (error) {
    throw new ConfigError(`${file}: ${(error as Error).message.replaceAll("\n", " ")}`);
  }
}

/** Parts that every process's configuration has. */
export const HEALTH = {
  type: "object",
  properties: { host: { type: "string", default: "127.0.0.1" }, port: { type: "integer", minimum: 0, maximum: 65535, default: 0 } },
  default: {},
} as const satisfies Schema;

/** Where a server listens. Port 0: the operating system chooses; the log line "listening" says which. */
export const LISTEN = HEALTH;

/** PEM files. */
export const TLS = {
  type: "object",
  required: ["certFile", "keyFile"],
  properties: { certFile: { type: "string", minLength: 1 }, keyFile: { type: "string", minLength: 1 } },
} as const satisfies Schema;

function closed(schema: Schema): Schema {
  if (schema.type === "array") return schema.items === undefined ? schema : { ...schema, items: closed(schema.items) };
  if (schema.type !== "object") return schema;
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, closed(inner)]));
  return { ...schema, properties, additionalProperties: false } as Schema;
}

function explain(error: ErrorObject | undefined): string {
  if (error === undefined) return "not valid";
  const at = error.instancePath.slice(1).replaceAll("/", ".");
  if (error.keyword === "additionalProperties") {
    return `unknown key "${at === "" ? "" : `${at}.`}${(error.params as { additionalProperty: string }).additionalProperty}"`;
  }
  if (error.keyword === "enum") return `"${at}" must be one of ${(error.params as { allowedValues: unknown[] }).allowedValues.join(", ")}`;
  return `${at === "" ? "the configuration" : `"${at}"`} ${error.message ?? "is not valid"}`;
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}
