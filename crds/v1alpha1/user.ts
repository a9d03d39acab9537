import { array, boolean, object, string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { credential, displayName, labelName, loginGeneration, secretRef } from "./names.ts";

/** Accepted: the account is complete; its owner can log in if it is enabled. */
export const Accepted = condition("Accepted", "The account is complete: its owner can log in while it is enabled.", {
  Accepted: "Nothing to do.",
  Disabled: "`enabled` is false: no login, no access anywhere. Set it to true to admit the User again.",
  SecretNotFound: "The Secret of `local.passwordSecret` is not in drover-system. Apply it; it is picked up by itself.",
  SecretInvalid: "The Secret has neither a key `password` nor a well-formed key `hash`. Apply it with the key `password`.",
  SecretNotAllowed:
    "The Secret belongs to an AuthProvider, is not of type Opaque, or is immutable with a plain password in it. Name another one, or delete it and apply it again.",
  Hashing: "The plain password is being replaced by its hash; resolves by itself.",
  PasswordInvalid:
    "The password cannot be typed: control characters or line breaks in it, bytes that are no UTF-8, or more than 1024 characters. It was not taken; apply the Secret with another one.",
  PasswordTooShort: "The password is shorter than the provider demands, and was not taken. Apply the Secret with a longer one.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

export const User = kind({
  kind: "User",
  plural: "users",
  shortNames: ["du"],
  scope: "Cluster",
  description: "A person, or an automation that is treated as one. Written by people; access is given by bindings to its name.",
  spec: object("Who this is and whether access is allowed at all.", {
    displayName: displayName.optional(),
    enabled: boolean("false: no login, no token is valid, no binding counts. Nothing is deleted.").default(true),
    local: object("The account has a password of its own, for the provider `local`.", {
      passwordSecret: secretRef(
        "The Secret with the password. Key `password` is hashed in place into key `hash` and removed; or write key `hash` ready-made (`kubectl drover hash-password`), and the Secret stays as it is written. A line break at the end is part of neither.",
      ),
    }).optional(),
  }),
  status: {
    groups: array(
      "The groups that providers reported at the last login or refresh.",
      object("The groups from one provider.", {
        provider: string("The AuthProvider.", { maxLength: 63 }),
        names: array("Group names as the provider writes them.", string("One group.", { maxLength: 512 }), { maxItems: 1000 }),
      }),
      { maxItems: 16 },
    ).optional(),
    lastLoginTime: time("When a login last succeeded.").optional(),
    credential: credential.optional(),
    loginGeneration: loginGeneration.optional(),
  },
  conditions: [Accepted],
  ready: { of: [Accepted], intended: [Accepted.Disabled] },
  rules: [labelName("User")],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    { name: "Enabled", type: "boolean", jsonPath: ".spec.enabled" },
    ...READY_COLUMNS,
    { name: "Last login", type: "date", jsonPath: ".status.lastLoginTime" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: User
metadata:
  name: alice
spec:
  displayName: Alice
  local:
    passwordSecret: { name: alice-password }
`,
});
export type User = ObjectOf<typeof User>;
