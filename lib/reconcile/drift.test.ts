import { describe, expect, test } from "@jest/globals";
import type { KubeObject } from "../kube/object.ts";
import { isUndrifted } from "./drift.ts";

const object = (fields: object, metadata: object = {}): KubeObject =>
  ({ apiVersion: "v1", kind: "Thing", metadata: { name: "x", ...metadata }, ...fields }) as KubeObject;
/** A live object of which manager `me` owns `fieldsV1` by Apply. */
const live = (fields: object, fieldsV1: Record<string, unknown>, metadata: object = {}): KubeObject =>
  object(fields, { uid: "u", resourceVersion: "1", ...metadata, managedFields: [{ manager: "me", operation: "Apply", fieldsV1 }] });
const same = (intent: KubeObject, found: KubeObject) => isUndrifted(intent, found, "me");

describe("undrifted", () => {
  test("when every field is there with our value and is ours, whatever others added", () => {
    const found = live({ data: { a: "1", theirs: "2" } }, { "f:data": { "f:a": {} } }, { labels: { theirs: "x" } });
    expect(same(object({ data: { a: "1" } }), found)).toBe(true);
  });

  test("labels and annotations of the intent are compared, names and versions are not", () => {
    const fieldsV1 = { "f:metadata": { "f:labels": { "f:l": {} } } };
    const found = live({}, fieldsV1, { labels: { l: "1", other: "2" } });
    expect(same(object({}, { labels: { l: "1" }, uid: "u" }), found)).toBe(true);
    expect(same(object({}, { labels: { l: "2" } }), found)).toBe(false);
  });

  test("a list is compared whole and in order where it is one value", () => {
    const found = live({ rules: [{ verbs: ["get", "list"] }] }, { "f:rules": {} });
    expect(same(object({ rules: [{ verbs: ["get", "list"] }] }), found)).toBe(true);
    expect(same(object({ rules: [{ verbs: ["list", "get"] }] }), found)).toBe(false);
    expect(same(object({ rules: [] }), live({ rules: null }, { "f:rules": {} }))).toBe(true);
  });

  test("items of a list with keys are found by their keys", () => {
    const fieldsV1 = { "f:status": { "f:conditions": { 'k:{"type":"A"}': { ".": {}, "f:type": {}, "f:status": {} } } } };
    const found = live(
      {
        status: {
          conditions: [
            { type: "B", status: "x" },
            { type: "A", status: "True", extra: 1 },
          ],
        },
      },
      fieldsV1,
    );
    expect(same(object({ status: { conditions: [{ type: "A", status: "True" }] } }), found)).toBe(true);
    expect(same(object({ status: { conditions: [{ type: "A", status: "False" }] } }), found)).toBe(false);
    expect(same(object({ status: { conditions: [{ type: "C", status: "True" }] } }), found)).toBe(false);
  });

  test("items of a set are found by their value", () => {
    const found = live({ names: ["b", "a"] }, { "f:names": { 'v:"a"': {} } });
    expect(same(object({ names: ["a"] }), found)).toBe(true);
    expect(same(object({ names: ["a", "b"] }), found)).toBe(false);
  });

  test("an intent of nothing is undrifted where we own nothing", () => {
    expect(same(object({}), object({ data: { a: "1" } }))).toBe(true);
  });

  test("an undefined member of the intent is not part of it", () => {
    expect(same(object({ data: { a: "1", b: undefined } }), live({ data: { a: "1" } }, { "f:data": { "f:a": {} } }))).toBe(true);
  });
});

describe("drifted", () => {
  const intent = object({ data: { a: "1" } });

  test("when the object was never applied by us", () => {
    expect(same(intent, object({ data: { a: "1" } }))).toBe(false);
  });

  test("when a value differs or is missing", () => {
    expect(same(intent, live({ data: { a: "2" } }, { "f:data": { "f:a": {} } }))).toBe(false);
    expect(same(intent, live({}, { "f:data": { "f:a": {} } }))).toBe(false);
  });

  test("when the value is ours but somebody else owns it now: it would stay when we drop it", () => {
    expect(same(intent, live({ data: { a: "1", b: "2" } }, { "f:data": { "f:b": {} } }))).toBe(false);
  });

  test("when we still own what the intent no longer says, at any depth and in lists", () => {
    expect(same(intent, live({ data: { a: "1", b: "2" } }, { "f:data": { "f:a": {}, "f:b": {} } }))).toBe(false);
    expect(same(object({}), live({ data: { a: "1" } }, { "f:data": { "f:a": {} } }))).toBe(false);
    expect(same(object({ names: ["a"] }), live({ names: ["a", "b"] }, { "f:names": { 'v:"a"': {}, 'v:"b"': {} } }))).toBe(false);
  });

  test("when a restriction inside a list was dropped from the intent", () => {
    const found = live({ rules: [{ verbs: ["get"], resourceNames: ["x"] }] }, { "f:rules": {} });
    expect(same(object({ rules: [{ verbs: ["get"] }] }), found)).toBe(false);
  });

  test("when only another manager, another operation or another subresource applied it", () => {
    const entry = { fieldsV1: { "f:data": { "f:a": {} } } };
    for (const managed of [
      { ...entry, manager: "other", operation: "Apply" },
      { ...entry, manager: "me", operation: "Update" },
      { ...entry, manager: "me", operation: "Apply", subresource: "status" },
    ]) {
      expect(same(intent, object({ data: { a: "1" } }, { managedFields: [managed] }))).toBe(false);
    }
  });
});
