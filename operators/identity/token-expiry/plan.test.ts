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
  metadata: { name: "t-1", uid: "u1", creationTimestamp: "2029-12-31T23:59:30Z" },
  spec: {
    ...{ hash: "", user: "alice", userUID: "alice-1", provider: "local", providerUID: "local-1" },
    ...{ credential: "00000000000000aa", loginGeneration: 2, kind: "Login", expiresAt: "2030-01-01T00:10:00Z" },
  },
};
const user = (enabled = true, uid = "alice-1", status = {}): Reading<User> => ({
  is: "present",
  value: {
    ...{ apiVersion: "drover.dev/v1alpha1", kind: "User", metadata: { name: "alice", uid }, spec: { enabled } },
    status: { credential: "00000000000000aa", loginGeneration: 2, ...status },
  },
});
const provided = (uid = "local-1", access: object = { mode: "Unrestricted" }): Reading<AuthProvider> => ({
  is: "present",
  value: { metadata: { name: "local", uid }, spec: { local: {}, access } } as unknown as AuthProvider,
});
const provider = provided();
const absent = { is: "absent" } as const;
const unreadable = { is: "unreadable", because: "no answer" } as const;
const removes = (planned: ReturnType<typeof plan>) => (planned.remove ?? []).map(({ name, uid }) => `${name} ${uid}`);

describe("token-expiry", () => {
  test("a token in use stays, and is looked at again when it runs out", () => {
    expect(plan(token, { user: user(), provider }, now)).toEqual({
      conditions: [],
      finalizer: "none",
      requeueAfter: { ms: 600_000, because: "the token expires" },
    });
  });

  test.each([
    ["it has run out, to the millisecond", { user: user(), provider }, new Date("2030-01-01T00:10:00Z")],
    ["its user is disabled", { user: user(false), provider }, now],
    ["its user is gone", { user: absent, provider }, now],
    ["its provider is gone", { user: user(), provider: absent }, now],
    ["its provider lets others in only", { user: user(), provider: provided("local-1", { mode: "Required", users: ["bob"] }) }, now],
  ])("that very token is deleted when %s", (_, observed, at) => {
    expect(removes(plan(token, observed, at))).toEqual(["t-1 u1"]);
  });

  test.each([
    ["its user is another one", { user: user(true, "alice-2"), provider }],
    ["its provider is another one", { user: user(), provider: provided("local-2") }],
    ["the password is another one", { user: user(true, "alice-1", { credential: "00000000000000bb" }), provider }],
    ["all logins of its user were ended", { user: user(true, "alice-1", { loginGeneration: 3 }), provider }],
  ])("that very token is deleted when %s, but not so early that the news may only be late", (_, observed) => {
    expect(removes(plan(token, observed, now))).toEqual([]);
    expect(plan(token, observed, now).requeueAfter?.ms).toBe(30_000);
    expect(removes(plan(token, observed, new Date("2030-01-01T00:00:30Z")))).toEqual(["t-1 u1"]);
  });

  test("whether somebody has access anywhere is not evaluated here", () => {
    expect(removes(plan(token, { user: user(), provider: provided("local-1", { mode: "Restricted" }) }, now))).toEqual([]);
  });

  test("what could not be read kills no token", () => {
    expect(removes(plan(token, { user: unreadable, provider: unreadable }, now))).toEqual([]);
  });

  test("a token of a year is looked at again within the hour, because timers reach no further than weeks", () => {
    expect(
      plan({ ...token, spec: { ...token.spec, expiresAt: "2031-01-01T00:00:00Z" } }, { user: user(), provider }, now).requeueAfter?.ms,
    ).toBe(3_600_000);
  });
});
