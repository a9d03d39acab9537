import { array, choice, object, string, time } from "../schema/builders.ts";
import { kind, type ObjectOf } from "../schema/kind.ts";
import { credential, loginGeneration, nameOf, SHORT_NAME, uidOf } from "./names.ts";

export const Token = kind({
  kind: "Token",
  plural: "tokens",
  shortNames: ["dtok"],
  scope: "Cluster",
  internal: true,
  description:
    "One login or API token, as its hash only: the token itself is shown once and stored nowhere. Made by auth only; deleting it ends the login at once.",
  spec: object("Whose token it is and what it opens; it never changes.", {
    hash: string("SHA-256 of the whole token string, in hexadecimal.", { maxLength: 64, minLength: 64, pattern: "^[0-9a-f]{64}$" }),
    user: nameOf("the User that it authenticates"),
    userUID: uidOf("that User: the token is not valid for a new User of the same name"),
    provider: nameOf("the AuthProvider that vouched for the User"),
    providerUID: uidOf("that AuthProvider, for the same reason"),
    credential: credential.optional(),
    loginGeneration: loginGeneration.default(0),
    kind: choice("Login: from a login. Api: made by its owner for a program.", ["Login", "Api"]),
    expiresAt: time("When it ends by itself."),
    clusters: array("The only clusters that it opens. Absent: all in which the User has access.", string("A cluster.", SHORT_NAME), {
      maxItems: 1000,
    }).optional(),
  }).immutable("a Token never changes: delete it and log in again"),
  rules: [
    {
      rule: "self.metadata.name == 't-' + self.spec.hash.substring(0, 32)",
      message: "a Token is named 't-' and the first 32 digits of its hash, so that it is found by name",
    },
  ],
  columns: [
    { name: "User", type: "string", jsonPath: ".spec.user" },
    { name: "Provider", type: "string", jsonPath: ".spec.provider" },
    { name: "Kind", type: "string", jsonPath: ".spec.kind" },
    { name: "Expires", type: "string", jsonPath: ".spec.expiresAt" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: Token
metadata:
  name: t-9f86d081884c7d659a2feaa0c55ad015
spec:
  hash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  user: alice
  userUID: 5d7d0ab1-2f3c-4b8e-9a52-0c6a1d7f3e11
  provider: local
  providerUID: 0b0e6c3a-8d1f-4c57-b1f2-6a9d2e4c7b90
  credential: 2c26b46b68ffc68f
  kind: Login
  expiresAt: "2030-01-01T00:00:00Z"
`,
});
export type Token = ObjectOf<typeof Token>;
