import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { User } from "../../../crds/v1alpha1/user.ts";
import type { Reading } from "../../../lib/reconcile/contract.ts";
import type { Observed, SecretFacts } from "./observe.ts";
import { plan } from "./plan.ts";

const alice = (spec: Partial<User["spec"]> = {}): User => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "User",
  metadata: { name: "alice" },
  spec: { enabled: true, local: { passwordSecret: { name: "alice-password" } }, ...spec },
});

const facts: SecretFacts = {
  ...{ uid: "u1", type: "Opaque", immutable: false, passwordLength: undefined, annotationsLeak: false },
  ...{ hash: "good", credential: "00000000000000aa" },
};
const secret = (more: Partial<SecretFacts> = {}): Reading<SecretFacts> => ({ is: "present", value: { ...facts, ...more } });
const observed = (more: Partial<Observed> = {}): Observed => ({ secret: secret(), minPasswordLength: 12, claimedBy: undefined, ...more });

const accepted = (user: User, seen: Observed) => {
  const { conditions, effects } = plan(user, seen);
  return `${conditions[0]?.status} ${conditions[0]?.reason}${effects === undefined ? "" : ` and ${effects.map(({ type }) => type).join()}`}`;
};

describe("user-account", () => {
  test.each<[string, Observed, string]>([
    ["accepts an account whose password is hashed", observed(), "True Accepted"],
    ["accepts an account without a password of its own", observed({ secret: undefined }), "True Accepted"],
    ["waits for the Secret", observed({ secret: { is: "absent" } }), "False SecretNotFound"],
    [
      "says Unknown when the API server does not answer",
      observed({ secret: { is: "unreadable", because: "no answer" } }),
      "Unknown Unreadable",
    ],
    ["hashes a plain password", observed({ secret: secret({ passwordLength: 12, hash: "absent" }) }), "False Hashing and hash-password"],
    [
      "hashes a new password beside an old hash, by which logins go until then",
      observed({ secret: secret({ passwordLength: 20 }) }),
      "True Accepted and hash-password",
    ],
    [
      "does not take a password that is too short, also beside an old hash",
      observed({ secret: secret({ passwordLength: 11 }) }),
      "False PasswordTooShort",
    ],
    [
      "does not take a password that nobody can type, also beside an old hash",
      observed({ secret: secret({ passwordLength: "unusable" }) }),
      "False PasswordInvalid",
    ],
    ["does not take an empty password", observed({ secret: secret({ passwordLength: 0 }) }), "False PasswordTooShort"],
    ["does not accept a Secret with neither key", observed({ secret: secret({ hash: "absent" }) }), "False SecretInvalid"],
    ["does not accept a hash of another form", observed({ secret: secret({ hash: "malformed" }) }), "False SecretInvalid"],
    [
      "takes the password out of annotations although the key is gone",
      observed({ secret: secret({ annotationsLeak: true }) }),
      "True Accepted and hash-password",
    ],
    [
      "keeps its hands off the Secret of a provider",
      observed({ secret: secret({ passwordLength: 20 }), claimedBy: "corp" }),
      "False SecretNotAllowed",
    ],
    [
      "keeps its hands off a ServiceAccount's Secret",
      observed({ secret: secret({ passwordLength: 20, type: "kubernetes.io/service-account-token" }) }),
      "False SecretNotAllowed",
    ],
    [
      "cannot take the password out of an immutable Secret",
      observed({ secret: secret({ passwordLength: 20, immutable: true }) }),
      "False SecretNotAllowed",
    ],
    ["accepts an immutable Secret that holds only the hash", observed({ secret: secret({ immutable: true }) }), "True Accepted"],
  ])("%s", (_, seen, expected) => {
    expect(accepted(alice(), seen)).toBe(expected);
  });

  test("a disabled account is not accepted, and its plain password is hashed all the same", () => {
    expect(accepted(alice({ enabled: false }), observed())).toBe("False Disabled");
    expect(accepted(alice({ enabled: false }), observed({ secret: secret({ passwordLength: 20 }) }))).toBe(
      "False Disabled and hash-password",
    );
  });

  const credentialAfter = (status: object | undefined, seen: Observed, spec: Partial<User["spec"]> = {}) =>
    plan({ ...alice(spec), ...(status && { status }) } as User, seen).status;
  test.each<[string, object | undefined, Observed, object]>([
    ["a first hash", undefined, observed(), { credential: "00000000000000aa" }],
    ["another hash", { credential: "00000000000000bb" }, observed(), { credential: "00000000000000aa" }],
    [
      "a Secret that is away",
      { credential: "00000000000000bb" },
      observed({ secret: { is: "absent" } }),
      { credential: "00000000000000bb" },
    ],
    [
      "a password that is still to be hashed",
      { credential: "00000000000000bb" },
      observed({ secret: secret({ passwordLength: 20, hash: "absent", credential: undefined }) }),
      { credential: "00000000000000bb" },
    ],
    ["somebody else's Secret", { credential: "00000000000000bb" }, observed({ claimedBy: "corp" }), { credential: "00000000000000bb" }],
  ])("which password is the current one: %s", (_, status, seen, wanted) => {
    expect(credentialAfter(status, seen)).toEqual(wanted);
  });

  test("a user who has no password any more has no current one", () => {
    const seen = observed({ secret: undefined });
    expect(credentialAfter({ credential: "00000000000000bb" }, seen, { local: undefined as never })).toEqual({});
  });

  test("planning twice on the same input gives the same bytes", () => {
    const input = fc.record({
      secret: fc.option(
        fc.record({
          is: fc.constant("present" as const),
          value: fc.record({
            uid: fc.uuid(),
            type: fc.constantFrom("Opaque", "kubernetes.io/tls"),
            immutable: fc.boolean(),
            passwordLength: fc.option(fc.oneof(fc.nat(200), fc.constant("unusable" as const)), { nil: undefined }),
            hash: fc.constantFrom("absent" as const, "malformed" as const, "good" as const),
            credential: fc.option(fc.string(), { nil: undefined }),
            annotationsLeak: fc.boolean(),
          }),
        }),
        { nil: undefined },
      ),
      minPasswordLength: fc.integer({ min: 8, max: 128 }),
      claimedBy: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(
      fc.property(input, fc.boolean(), (seen, enabled) => {
        const user = alice({ enabled });
        expect(JSON.stringify(plan(user, seen))).toBe(JSON.stringify(plan(structuredClone(user), structuredClone(seen))));
        // Only an opaque Secret that is its own may be written.
        if (plan(user, seen).effects !== undefined)
          expect([seen.secret?.value.type, seen.secret?.value.immutable, seen.claimedBy]).toEqual(["Opaque", false, undefined]);
      }),
    );
  });
});
