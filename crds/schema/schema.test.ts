import { describe, expect, test } from "@jest/globals";
import { load } from "js-yaml";
import { INVALID_OBJECTS } from "../../test/invalid-objects.ts";
import { KINDS } from "../kinds.ts";
import { AccessSet } from "../v1alpha1/accessset.ts";
import { Cluster, Connected } from "../v1alpha1/cluster.ts";
import { array, boolean, choice, exactlyOne, integer, map, object, quantity, string } from "./builders.ts";
import { condition, docsOf, type ReasonOf } from "./condition.ts";
import { parse } from "./parse.ts";
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
  expect(docsOf(constant).reasons).toEqual({ Good: "Nothing to do.", Bad: "Mend it." });
});
const twoReasons = () => condition("Fine", "It is fine.", { Good: "Nothing to do.", Bad: "Mend it." });

test("words that CEL reserves are escaped in rules", () => {
  expect(exactlyOne(["import", "kind"])).toBe("[has(self.__import__), has(self.kind)].filter(x, x).size() == 1");
});

test("every reason of every kind tells when it surfaces or what to do, as a sentence", () => {
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

describe("parse", () => {
  const accessSet = () => load(AccessSet.source.example) as { spec: Record<string, unknown>; metadata: Record<string, unknown> };

  test.each(KINDS.map((kind) => [kind.kind, kind] as const))("takes the example of %s", (_name, kind) => {
    expect(parse(kind, load(kind.source.example))).toMatchObject({ ok: true });
  });

  test("never throws on what is not an object of the kind, and says where and what", () => {
    for (const value of [undefined, null, 7, "x", [], {}, { spec: null }]) expect(parse(Cluster, value).ok).toBe(false);
    const parsed = parse(AccessSet, { ...accessSet(), spec: { ...accessSet().spec, epoch: "now", part: 0, extra: 1 } });
    expect(parsed).toEqual({
      ok: false,
      problems: [
        { path: "spec.epoch", message: "must be a whole number" },
        { path: "spec.part", message: "must be at least 1" },
        { path: "spec.extra", message: "is not a field of this kind" },
      ],
    });
  });

  test("does not look into a list that is longer than allowed", () => {
    const subjects = Array.from({ length: 2001 }, () => 7);
    const parsed = parse(AccessSet, { ...accessSet(), spec: { ...accessSet().spec, bindings: [{ template: "x", subjects }] } });
    expect(parsed).toEqual({ ok: false, problems: [{ path: "spec.bindings[0].subjects", message: "must have at most 2000 items" }] });
  });

  test("takes no field from the prototype for one of the kind", () => {
    const parsed = parse(AccessSet, { ...accessSet(), spec: { ...accessSet().spec, constructor: {} } });
    expect(parsed).toMatchObject({ ok: false, problems: [{ path: "spec.constructor" }] });
  });

  test("agrees with the API server on what is wrong in structure", () => {
    const structural = INVALID_OBJECTS.filter(
      ({ says }) => says.startsWith("unknown field") || says.startsWith("spec.") || says.startsWith('"'),
    );
    expect(structural.length).toBeGreaterThan(10);
    for (const { object: value, why } of structural) {
      const kind = KINDS.find((each) => each.kind === value.kind);
      expect([why, kind && parse(kind, value).ok]).toEqual([why, false]);
    }
  });

  test("times are RFC 3339", () => {
    const end = (expiresAt: string) =>
      parse(AccessSet, {
        ...accessSet(),
        spec: { ...accessSet().spec, bindings: [{ template: "x", subjects: [{ kind: "User", name: "drover:user:a", expiresAt }] }] },
      }).ok;
    expect([end("2030-01-01T00:00:00Z"), end("2030-01-01T00:00:00.5+01:00"), end("2030-01-01"), end("tomorrow")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
