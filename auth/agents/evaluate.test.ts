import { describe, expect, test } from "@jest/globals";
import type { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { evaluateRegistration, type RegistrationFacts } from "./evaluate.ts";

const now = new Date("2030-01-01T00:00:00Z");
const hash = "ab".repeat(32);
const registration = (status: ClusterRegistration["status"] = {}, expiresAt = "2030-01-01T00:00:01Z"): ClusterRegistration => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterRegistration",
  metadata: { name: "agent", namespace: "cluster-east" },
  spec: { tokenHash: hash, expiresAt, once: true, approval: "Automatic" },
  status: status as NonNullable<ClusterRegistration["status"]>,
});
const facts: RegistrationFacts = { registration: registration(), tokenHash: hash, publicKey: "key", signatureMatches: true };
const past = "2030-01-01T00:00:00Z";

describe("whether a key is registered", () => {
  test.each<[string, Partial<RegistrationFacts>, string]>([
    ["a new key with the token", {}, "Register"],
    ["the same key again", { registration: registration({ publicKey: "key" }) }, "AlreadyRegistered"],
    ["another key with the right token", { registration: registration({ publicKey: "other" }) }, "OtherKeyRegistered"],
    ["no such cluster", { registration: undefined }, "UnknownCluster"],
    ["another token", { tokenHash: "cd".repeat(32) }, "WrongToken"],
    ["a hash that is none", { tokenHash: "" }, "WrongToken"],
    ["a signature by another key", { signatureMatches: false }, "WrongSignature"],
    ["a token that has run out, to the millisecond", { registration: registration({}, past) }, "TokenExpired"],
    ["the same key after the token ran out", { registration: registration({ publicKey: "key" }, past) }, "TokenExpired"],
    ["an end that is no time", { registration: registration({}, "soon") }, "TokenExpired"],
    // Without the token nothing can be learnt about the cluster.
    [
      "a wrong token for a registered cluster",
      { registration: registration({ publicKey: "other" }), tokenHash: "cd".repeat(32) },
      "WrongToken",
    ],
    ["a wrong token after it ran out", { registration: registration({}, past), tokenHash: "cd".repeat(32) }, "WrongToken"],
  ])("%s", (_, more, result) => {
    expect(evaluateRegistration({ ...facts, ...more }, now)).toBe(result);
  });
});
