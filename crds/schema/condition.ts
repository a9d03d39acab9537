import { arrayByKey, choice, integer, object, string, time } from "./builders.ts";

/** A condition of a kind: its type, and one property for each reason (`Ready.NotConnected === "NotConnected"`). */
export type ConditionOf<Type extends string, Reason extends string> = { readonly type: Type } & { readonly [R in Reason]: R };

/** The reasons of a condition as a union of words. */
export type ReasonOf<C> = Exclude<keyof C, "type" | symbol>;

/** What the docs say about a condition and each of its reasons. */
export interface ConditionDocs {
  readonly type: string;
  readonly description: string;
  readonly reasons: Readonly<Record<string, string>>;
}

const docs = Symbol("docs");

/**
 * Declares a condition. Each reason has a sentence that says when it surfaces and what a person should do;
 * the sentences are not among the constant's own keys, so that those are exactly the type and the reasons.
 */
export function condition<const Type extends string, const R extends Readonly<Record<string, string>>>(
  type: Type,
  description: string,
  reasons: R,
): ConditionOf<Type, keyof R & string> {
  const constant = { type, ...Object.fromEntries(Object.keys(reasons).map((reason) => [reason, reason])) };
  Object.defineProperty(constant, docs, { value: { type, description, reasons } satisfies ConditionDocs });
  return Object.freeze(constant) as ConditionOf<Type, keyof R & string>;
}

export const docsOf = (constant: { readonly type: string }): ConditionDocs => (constant as unknown as { [docs]: ConditionDocs })[docs];

/** How many conditions an object may have, and how many characters each message. */
export interface ConditionBounds {
  readonly items: number;
  readonly message: number;
}

/** `status.conditions` of a kind: a list keyed by type, so that each reconciler owns its own entries. */
export const conditionList = ({ items, message }: ConditionBounds) =>
  arrayByKey(
    "What the reconcilers say about this object, one entry for each type.",
    object("One aspect of the object's state.", {
      type: string("Which aspect this is.", { maxLength: Math.min(316, message), minLength: 1 }),
      status: choice("Whether it holds: True, False, or Unknown when it could not be found out.", ["True", "False", "Unknown"]),
      reason: string("Why, as one word from the documented set.", {
        maxLength: Math.min(1024, message),
        minLength: 1,
        pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      }),
      message: string("Why, as a sentence for people.", { maxLength: message }),
      lastTransitionTime: time("When the status last changed."),
      observedGeneration: integer("The generation of the object that this was said about.").optional(),
    }),
    ["type"],
    items,
  );

/** As Kubernetes itself has it. */
export const DEFAULT_BOUNDS: ConditionBounds = { items: 16, message: 32768 };
