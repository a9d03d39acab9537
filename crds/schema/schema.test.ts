import { expect, test } from "@jest/globals";
import { KINDS } from "../kinds.ts";
import { Connected } from "../v1alpha1/cluster.ts";
import { array, boolean, choice, exactlyOne, integer, map, object, quantity, string } from "./builders.ts";
import { condition, docsOf, type ReasonOf } from "./condition.ts";
import type { Infer, JsonSchema } from "./schema.ts";

/** Compiles only if the two types are the same. */
const same = <A, B>(equal: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false): void =>
  expect(equal).toBe(true);

test("one source gives the type: optional fields may be absent, those with a default never are", () => {
  const schema = object("x", {
    name: string("x", { maxLength: 5 }),
    nick: string("x", { maxLength: 5 }).optional(),
    enabled: boolean("x").default(true),
    mode: choice("x", ["A", "B"]),
    sizes: array("x", integer("x"), { maxItems: 3 }),
    total: map("x", quantity("x"), 3),
  });
  same<
    Infer<typeof schema>,
    {
      readonly name: string;
      readonly enabled: boolean;
      readonly mode: "A" | "B";
      readonly sizes: readonly number[];
      readonly total: Readonly<Record<string, string | number>>;
      readonly nick?: string;
    }
  >(true);
  expect(schema.json.required).toEqual(["name", "mode", "sizes", "total"]);
});

test("the reasons of a condition are exactly its own words, and each has its sentence", () => {
  same<ReasonOf<ReturnType<typeof twoReasons>>, "Good" | "Bad">(true);
  const constant = twoReasons();
  expect({ ...constant }).toEqual({ type: "Fine", Good: "Good", Bad: "Bad" });
  expect(docsOf(constant).reasons).toEqual({ Good: "Nothing to do.", Bad: "Correct it." });
});
const twoReasons = () => condition("Fine", "It is fine.", { Good: "Nothing to do.", Bad: "Correct it." });

test("words that CEL reserves are escaped in rules", () => {
  expect(exactlyOne(["import", "kind"])).toBe("[has(self.__import__), has(self.kind)].filter(x, x).size() == 1");
});

test("every reason of every kind has a sentence that says when it occurs or what to do", () => {
  const reasons = KINDS.flatMap((kind) => (kind.source.conditions ?? []).flatMap((each) => Object.values(docsOf(each).reasons)));
  expect(reasons.length).toBeGreaterThan(50);
  expect(reasons.filter((text) => !/^[A-Z`].*\.$/s.test(text))).toEqual([]);
  expect(docsOf(Connected).type).toBe("Connected");
});

test("every value of every kind has a description, and every list, map and text a bound", () => {
  const wanting: string[] = [];
  const visit = (path: string, schema: JsonSchema): void => {
    if (!schema.description?.endsWith(".") && !schema.description?.endsWith("`")) wanting.push(`${path}: ${schema.description}`);
    if (schema.type === "array" && schema.maxItems === undefined) wanting.push(`${path}: maxItems`);
    if (schema.type === "string" && !schema.enum && schema.maxLength === undefined) wanting.push(`${path}: maxLength`);
    if (schema.additionalProperties && schema.maxProperties === undefined) wanting.push(`${path}: maxProperties`);
    for (const [name, property] of Object.entries(schema.properties ?? {})) visit(`${path}.${name}`, property);
    if (schema.items) visit(`${path}[]`, schema.items);
  };
  for (const { kind, source, statusSchema } of KINDS) {
    visit(`${kind}.spec`, source.spec.json);
    if (statusSchema) visit(`${kind}.status`, statusSchema.json);
  }
  expect(wanting).toEqual([]);
});
