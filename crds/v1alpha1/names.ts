// Names and references that several kinds share.
import { integer, map, object, quantity, string } from "../schema/builders.ts";
import type { ValidationRule } from "../schema/schema.ts";

const LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const SUBDOMAIN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/** Names of clusters and projects, in one place: hub namespaces are named after them, with `--` between the two. */
export const SHORT_NAME = { pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 26 } as const;
export const SHORT_NAME_RULE = "at most 26 lower-case letters, digits and '-', beginning and ending with a letter or digit, and no '--'";

const shortNamePattern = new RegExp(SHORT_NAME.pattern);
export const isShortName = (name: string): boolean => name.length <= SHORT_NAME.maxLength && shortNamePattern.test(name);

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

/** A version as machines write it: nothing in it is anything to a terminal. */
const VERSION = { pattern: "^[0-9A-Za-z][0-9A-Za-z.+_~-]*$", maxLength: 64 } as const;
export const version = (description: string) => string(description, VERSION);
export const isVersion = (text: string): boolean => text.length <= VERSION.maxLength && new RegExp(VERSION.pattern).test(text);

export const displayName = string("The name that people see; the object's own name stays the identifier.", { maxLength: 200 });

export const quantities = (description: string) =>
  map(description, quantity('An amount, as Kubernetes writes it: "500m", "2", "10Gi".'), 40);

export const shortName = (what: string): ValidationRule => ({
  rule: `self.metadata.name.size() <= ${SHORT_NAME.maxLength} && self.metadata.name.matches(r'${SHORT_NAME.pattern}')`,
  message: `name the ${what} with ${SHORT_NAME_RULE}: its namespaces on the hub are named after it`,
});

/** Kinds whose names become part of RBAC names and group names in managed clusters. */
export const labelName = (what: string): ValidationRule => ({
  rule: `self.metadata.name.size() <= 63 && self.metadata.name.matches(r'${LABEL}')`,
  message: `name the ${what} with at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit`,
});

/** There is one object of this kind in each namespace, with this name. */
export const fixedName = (name: string): ValidationRule => ({
  rule: `self.metadata.name == '${name}'`,
  message: `there is one of these in each cluster's namespace, and its name is '${name}'`,
});
