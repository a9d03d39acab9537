import { describe, expect, test } from "@jest/globals";
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { evaluateLogin, type LoginFacts } from "./evaluate.ts";

const conditions = (status: "True" | "False") => [{ type: "Accepted", status, reason: "x", message: "", lastTransitionTime: "" }];
const user = (more: Partial<User["spec"]> = {}, accepted: "True" | "False" = "True"): User => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "User",
  metadata: { name: "alice" },
  spec: { enabled: true, ...more },
  status: { conditions: conditions(accepted) },
});
const provider = (access: Partial<AuthProvider["spec"]["access"]> = {}): AuthProvider => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "AuthProvider",
  metadata: { name: "local" },
  spec: { local: { minPasswordLength: 12 }, access: { mode: "Unrestricted", ...access }, refreshIntervalSeconds: 3600 },
});
const facts: LoginFacts = { provider: provider(), user: user(), hasHash: true, passwordMatches: true, hasAccessSomewhere: false };

describe("whether a login is granted", () => {
  test.each<[string, Partial<LoginFacts>, string]>([
    ["with everything in order", {}, "Granted"],
    ["for a user that does not exist, even if something matched", { user: undefined }, "UnknownUser"],
    ["without a stored hash, even if something matched", { hasHash: false }, "NoLocalPassword"],
    ["with a wrong password", { passwordMatches: false }, "WrongPassword"],
    ["for a disabled user", { user: user({ enabled: false }) }, "UserDisabled"],
    ["for a user whose account is not in order, as after a password that was too short", { user: user({}, "False") }, "UserNotAccepted"],
    [
      "with Required, for a user who is not listed",
      { provider: provider({ mode: "Required" }), hasAccessSomewhere: true },
      "NotAllowedByProvider",
    ],
    ["with Required, for a listed user", { provider: provider({ mode: "Required", users: ["alice"] }) }, "Granted"],
    ["with Restricted, for a user without access anywhere", { provider: provider({ mode: "Restricted" }) }, "NotAllowedByProvider"],
    [
      "with Restricted, for a user with access somewhere",
      { provider: provider({ mode: "Restricted" }), hasAccessSomewhere: true },
      "Granted",
    ],
    ["with Restricted, for a listed user", { provider: provider({ mode: "Restricted", users: ["alice"] }) }, "Granted"],
    ["with a group of the same name listed", { provider: provider({ mode: "Required", groups: ["alice"] }) }, "NotAllowedByProvider"],
  ])("%s", (_, more, result) => {
    expect(evaluateLogin({ ...facts, ...more })).toBe(result);
  });
});
