// Names and references that several kinds share.
import { integer, map, object, quantity, string } from "../schema/builders.ts";
import type { ValidationRule } from "../schema/schema.ts";

const LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const SUBDOMAIN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/** The name of another object. */
export const nameOf = (what: string) =>
  string(`The name of ${what}.`, { maxLength: 253, minLength: 1 }).matching(
    SUBDOMAIN,
    "write the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
  );

export const uidOf = (what: string) => string(`The UID of ${what}.`, { maxLength: 64, minLength: 1 });

/** What a Token and its User have to agree on. */
export const credential = string(
  "A fingerprint of the hash of the User's password: it changes with the password, and a login that was made with another one is none. Absent from a Token that was not got with a password.",
  { maxLength: 16, minLength: 16, pattern: "^[0-9a-f]{16}$" },
);
export const loginGeneration = integer("How often all logins of the User have been ended at once; a Token of another generation is none.");

/** A Secret in drover-system: the only namespace in which Drover reads Secrets. */
export const secretRef = (description: string) => object(description, { name: nameOf("the Secret, in namespace drover-system") });

export const displayName = string("The name that people see; the object's own name stays the identifier.", { maxLength: 200 });

export const quantities = (description: string) =>
  map(description, quantity('An amount, as Kubernetes writes it: "500m", "2", "10Gi".'), 40);

/** Hub namespaces are named after clusters and projects, with `--` between the two: both must fit and be told apart. */
export const shortName = (what: string): ValidationRule => ({
  rule: `self.metadata.name.size() <= 26 && self.metadata.name.matches(r'${LABEL}') && !self.metadata.name.contains('--')`,
  message:
    `name the ${what} with at most 26 lower-case letters, digits and '-', beginning and ending with a letter or digit, and no '--': ` +
    "its namespaces on the hub are named after it",
});

/** Kinds whose names become part of RBAC names and group names in members. */
export const labelName = (what: string): ValidationRule => ({
  rule: `self.metadata.name.size() <= 63 && self.metadata.name.matches(r'${LABEL}')`,
  message: `name the ${what} with at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit`,
});

/** There is one object of this kind in each namespace, and everybody knows its name. */
export const fixedName = (name: string): ValidationRule => ({
  rule: `self.metadata.name == '${name}'`,
  message: `there is one of these in each cluster's namespace, and its name is '${name}'`,
});
