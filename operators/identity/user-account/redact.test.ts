import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Secret } from "../../../lib/kube/core.ts";
import { leaks, withHash, withoutCopies } from "./redact.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const base64 = (text: string) => Buffer.from(text).toString("base64");

const redacted = (secret: Secret, hash: string | undefined): Secret => withHash(withoutCopies(secret), hash);

/** A Secret as `kubectl apply` leaves it. */
const applied = (password: string, part: "data" | "stringData" = "stringData", more: Record<string, string> = {}): Secret => {
  const value = part === "data" ? base64(password) : password;
  const config = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "drover-system" },
    [part]: { password: value, ...more },
  };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "drover-system", annotations: { [LAST_APPLIED]: `${JSON.stringify(config)}\n` } },
    data: { password: base64(password), extra: base64("kept") },
  };
};

describe("a plain password leaves every place of its Secret", () => {
  test("whatever the password, and however it was applied, nothing of it is left", () => {
    const password = fc.string({ minLength: 12, unit: "grapheme" });
    fc.assert(
      fc.property(password, fc.constantFrom("data" as const, "stringData" as const), (plain, part) => {
        const after = JSON.stringify(redacted(applied(plain, part), "the-hash"));
        expect(after).not.toContain(base64(plain));
        // What JSON itself escapes would hide a plain copy from a plain search.
        for (const value of Object.values(redacted(applied(plain, part), "the-hash").metadata.annotations ?? {}))
          expect(value).not.toContain(plain);
      }),
    );
  });

  test("the last-applied annotation stays for all else, so that kubectl goes on as before", () => {
    const annotation =
      redacted(applied("correct horse battery", "stringData", { other: "x" }), "h").metadata.annotations?.[LAST_APPLIED] ?? "";
    expect(JSON.parse(annotation)).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "drover-system" },
      stringData: { other: "x" },
    });
    expect(annotation.endsWith("\n")).toBe(true);
  });

  test("an annotation of another tool that repeats the password goes, in plain and in base64", () => {
    const secret = applied("correct horse battery");
    const annotations = { ...secret.metadata.annotations, a: "x correct horse battery y", b: base64("correct horse battery"), c: "fine" };
    expect(Object.keys(redacted({ ...secret, metadata: { ...secret.metadata, annotations } }, "h").metadata.annotations ?? {})).toEqual([
      LAST_APPLIED,
      "c",
    ]);
  });

  test("a last-applied annotation that cannot be read goes whole", () => {
    const secret = applied("correct horse battery");
    const broken = { ...secret, metadata: { ...secret.metadata, annotations: { [LAST_APPLIED]: '{"stringData":{"password":"corr' } } };
    expect(leaks(broken)).toBe(true);
    expect(redacted(broken, "h").metadata.annotations).toEqual({});
  });

  test("other data stays, and a hash that is right already stays too", () => {
    expect(redacted(applied("correct horse battery"), "h").data).toEqual({ extra: base64("kept"), hash: base64("h") });
    const both = { ...applied("correct horse battery"), data: { password: base64("correct horse battery"), hash: base64("old") } };
    expect(redacted(both, undefined).data).toEqual({ hash: base64("old") });
  });

  test("redacting twice changes nothing more, and nothing leaks then", () => {
    const once = redacted(applied("correct horse battery"), "h");
    expect(leaks(once)).toBe(false);
    expect(redacted(once, undefined)).toEqual(once);
  });
});
