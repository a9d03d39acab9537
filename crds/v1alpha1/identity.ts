import { object, string } from "../schema/builders.ts";
import { kind, type ObjectOf } from "../schema/kind.ts";
import { nameOf } from "./names.ts";

export const Identity = kind({
  kind: "Identity",
  plural: "identities",
  shortNames: ["dident"],
  scope: "Cluster",
  internal: true,
  description:
    "Which User an identity of a provider is. Made by auth only, at a first login; named by a hash of provider and subject, so that an identity belongs to one User at most.",
  spec: object("The link; it never changes.", {
    provider: nameOf("the AuthProvider"),
    subject: string("What the provider calls the person, in a form that it never reassigns: a GUID, a number.", {
      maxLength: 512,
      minLength: 1,
    }),
    user: nameOf("the User"),
  }).immutable("an Identity never changes: delete it to unlink the person from the provider"),
  columns: [
    { name: "Provider", type: "string", jsonPath: ".spec.provider" },
    { name: "User", type: "string", jsonPath: ".spec.user" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: Identity
metadata:
  name: i-3f0c2d9e51b7a8c4
spec:
  provider: corp
  subject: 6f9619ff-8b86-d011-b42d-00c04fc964ff
  user: alice
`,
});
export type Identity = ObjectOf<typeof Identity>;
