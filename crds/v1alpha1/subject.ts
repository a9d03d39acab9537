// Who a binding is for.
import { choice, object, string } from "../schema/builders.ts";
import type { Infer } from "../schema/schema.ts";

const name = string("The User's name; the group's name as its provider writes it; or the ServiceAccount's name.", {
  maxLength: 512,
  minLength: 1,
});
const provider = string("Of a Group: the AuthProvider that it comes from.", { maxLength: 63, minLength: 1 }).optional();
const namespace = string("Of a ServiceAccount: its namespace in the managed cluster.", { maxLength: 63, minLength: 1 }).optional();

/** A person or a group. */
export const personOrGroup = object("Who the binding is for.", {
  kind: choice("User: one person, by the name of the User. Group: a group of a provider.", ["User", "Group"]),
  name,
  provider,
})
  .rule("self.kind != 'User' || !has(self.provider)", "a User is named by `name` alone: leave out `provider`")
  .rule("self.kind != 'Group' || has(self.provider)", "a Group needs `provider`: the name of the AuthProvider that it comes from");

/** In projects also a ServiceAccount of the managed cluster, for things that run there. */
export const anySubject = object("Who the binding is for.", {
  kind: choice(
    "User: one person, by the name of the User. Group: a group of a provider. ServiceAccount: an account of the managed cluster.",
    ["User", "Group", "ServiceAccount"],
  ),
  name,
  provider,
  namespace,
})
  .rule(
    "self.kind != 'User' || (!has(self.provider) && !has(self.__namespace__))",
    "a User is named by `name` alone: leave out `provider` and `namespace`",
  )
  .rule(
    "self.kind != 'Group' || (has(self.provider) && !has(self.__namespace__))",
    "a Group needs `provider`, the name of the AuthProvider that it comes from, and no `namespace`",
  )
  .rule(
    "self.kind != 'ServiceAccount' || (has(self.__namespace__) && !has(self.provider))",
    "a ServiceAccount needs `namespace`, where it lives in the managed cluster, and no `provider`",
  );

export type Subject = Infer<typeof anySubject>;

export const IMMUTABLE_SUBJECT =
  "a binding's subject cannot be changed: delete this binding and make another, so that who got what stays traceable";
export const IMMUTABLE_ROLE =
  "what a binding grants cannot be changed: delete this binding and make another, so that who got what stays traceable";
