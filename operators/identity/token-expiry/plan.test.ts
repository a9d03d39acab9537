import { describe, expect, test } from "@jest/globals";
import type { AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import type { Token } from "../../../crds/v1alpha1/token.ts";
import type { User } from "../../../crds/v1alpha1/user.ts";
import type { Reading } from "../../../lib/reconcile/contract.ts";
import { plan } from "./plan.ts";

const now = new Date("2030-01-01T00:00:00Z");
const token: Token = {
  apiVersion: "drover.dev/v1alpha1",
  kind: "Token",
  metadata: { name: "t-1", uid: "u1" },
  spec: { hash: "", user: "alice", provider: "local", kind: "Login", expiresAt: "2030-01-01T00:10:00Z" },
};
const user = (enabled = true): Reading<User> => ({
  is: "present",
  value: { apiVersion: "drover.dev/v1alpha1", kind: "User", metadata: { name: "alice" }, spec: { enabled } },
});
const provider = { is: "present", value: {} as AuthProvider } as const;
const absent = { is: "absent" } as const;
const unreadable = { is: "unreadable", because: "no answer" } as const;
const removes = (planned: ReturnType<typeof plan>) => (planned.remove ?? []).map(({ name, uid }) => `${name} ${uid}`);

describe("token-expiry", () => {
  test("a token in use stays, and is looked at again when it runs out", () => {
    expect(plan(token, { user: user(), provider }, now)).toEqual({
      conditions: [],
      finalizer: "none",
      again: { afterMs: 600_000, because: "the token runs out" },
    });
  });

  test.each([
    ["it has run out, to the millisecond", { user: user(), provider }, new Date("2030-01-01T00:10:00Z")],
    ["its user is disabled", { user: user(false), provider }, now],
    ["its user is gone", { user: absent, provider }, now],
    ["attack 30: its provider is gone", { user: user(), provider: absent }, now],
  ])("that very token is deleted when %s", (_, observed, at) => {
    expect(removes(plan(token, observed, at))).toEqual(["t-1 u1"]);
  });

  test("what could not be read kills no token", () => {
    expect(removes(plan(token, { user: unreadable, provider: unreadable }, now))).toEqual([]);
  });

  test("a token of a year is looked at again within the hour, because timers reach no further than weeks", () => {
    expect(
      plan({ ...token, spec: { ...token.spec, expiresAt: "2031-01-01T00:00:00Z" } }, { user: user(), provider }, now).again?.afterMs,
    ).toBe(3_600_000);
  });
});
