/** The part of OpenAPI v3 that the API server takes as a structural schema, as far as Drover uses it. */
export interface JsonSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly format?: "date-time" | "int64" | "int32";
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

/** A rule in CEL that the API server checks. The message says what to write instead. */
export interface ValidationRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

export type Presence = "required" | "optional";

/**
 * One value of an API object. The same source gives the TypeScript type (`Infer`) and the CRD (`json`).
 * Immutable: each method returns a new schema.
 */
export class Schema<T, P extends Presence = "required"> {
  /** Never present at run time; carries the type. */
  declare readonly shape?: T;
  readonly json: JsonSchema;
  readonly presence: P;

  constructor(json: JsonSchema, presence: P) {
    this.json = json;
    this.presence = presence;
  }

  /** The field may be left out. */
  optional(): Schema<T, "optional"> {
    return new Schema<T, "optional">(this.json, "optional");
  }

  /** May be left out when written; the API server fills it in, so whoever reads always finds it. */
  default(value: Partial<T>): Schema<T> {
    return new Schema<T>({ ...this.json, default: value }, "required");
  }

  /** A rule in CEL about `self` (and `oldSelf`, for what must not change). */
  rule(rule: string, message: string, fieldPath?: string): Schema<T, P> {
    const added: ValidationRule = fieldPath === undefined ? { rule, message } : { rule, message, fieldPath };
    return new Schema<T, P>(
      { ...this.json, "x-kubernetes-validations": [...(this.json["x-kubernetes-validations"] ?? []), added] },
      this.presence,
    );
  }

  /** As `pattern`, but the refusal is a sentence instead of a regular expression. RE2 syntax. */
  matching(pattern: string, message: string): Schema<T, P> {
    return this.rule(`self.matches(r'${pattern}')`, message);
  }

  /** Cannot be changed once it is set. */
  immutable(message: string): Schema<T, P> {
    return this.rule("self == oldSelf", message);
  }

  /** The same values with another description, for a shape used in several places. */
  described(description: string): Schema<T, P> {
    return new Schema<T, P>({ ...this.json, description }, this.presence);
  }
}

/** The TypeScript type of a schema's values, as they are read from the API server. */
export type Infer<S> = S extends Schema<infer T, Presence> ? T : never;
