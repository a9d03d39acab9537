import { array, choice, exactlyOne, integer, object, samePresence, string } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { displayName, labelName, secretRef } from "./names.ts";

/** Accepted: people can log in through this provider. */
export const Accepted = condition("Accepted", "The provider is configured completely: people can log in through it.", {
  Accepted: "Nothing to do.",
  SecretNotFound: "A Secret that the provider names is not in drover-system. Apply it; it is picked up by itself.",
  SecretInvalid: "A Secret that the provider names lacks the key that it needs. The message names the key.",
  Unsupported: "This version of Drover cannot log anybody in through this type of provider. Use another type, or a newer version.",
  Unreachable: "The provider did not answer. Existing logins stay; retried by itself.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

const TYPES = ["local", "activeDirectory", "ldap", "github", "oidc"] as const;

const servers = array(
  "Host names of the directory's servers, tried in order; always TLS.",
  string("A host name, with a port if it is not 636.", {
    maxLength: 260,
    minLength: 1,
  }).matching(
    "^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?$",
    "write a host name, or host:port, without a scheme: dc1.corp.example",
  ),
  {
    maxItems: 10,
    minItems: 1,
  },
);
const caSecret = secretRef(
  "The Secret whose key `ca.crt` holds the certificates to trust. Absent: those of the operating system.",
).optional();
const bind = object("The account with which Drover reads the directory.", {
  username: string("Its name as the directory wants it: a DN, DOMAIN\\user, or user@domain.", { maxLength: 512, minLength: 1 }),
  passwordSecret: secretRef("The Secret whose key `password` holds its password."),
});
const userSearchBase = string("The DN under which people are found.", { maxLength: 1024, minLength: 1 });
const groupSearchBase = string("The DN under which groups are found. Absent: userSearchBase.", {
  maxLength: 1024,
  minLength: 1,
}).optional();
const clientSecret = secretRef("The Secret whose key `clientSecret` holds the application's secret.");
const clientID = string("The identifier of Drover as an application at the provider.", { maxLength: 256, minLength: 1 });

const SAME_DIRECTORY = "self.servers.exists(server, server in oldSelf.servers)";
const SAME_DIRECTORY_MESSAGE =
  "servers may come and go, but one must stay from each change to the next: for another directory make another AuthProvider, because identities belong to the directory";

export const AuthProvider = kind({
  kind: "AuthProvider",
  plural: "authproviders",
  shortNames: ["dap"],
  scope: "Cluster",
  description: "A place where people prove who they are. Several can be in use at once. Written by people.",
  spec: object("What the provider is, and who may log in through it. Exactly one of local, activeDirectory, ldap, github and oidc.", {
    displayName: displayName.optional(),
    local: object("Users with a password of their own in Drover.", {
      minPasswordLength: integer("Shorter passwords are not taken.", { minimum: 8, maximum: 128 }).default(12),
    }).optional(),
    activeDirectory: object("Microsoft Active Directory, or Samba, over LDAPS.", {
      servers,
      caSecret,
      bind,
      userSearchBase,
      groupSearchBase,
    })
      .rule(SAME_DIRECTORY, SAME_DIRECTORY_MESSAGE)
      .optional(),
    ldap: object("Another LDAP directory, over LDAPS.", { servers, caSecret, bind, userSearchBase, groupSearchBase })
      .rule(SAME_DIRECTORY, SAME_DIRECTORY_MESSAGE)
      .optional(),
    github: object("GitHub, or GitHub Enterprise. Groups are teams, written organisation/team.", {
      host: string("The host.", { maxLength: 253, minLength: 1 })
        .immutable("the host cannot be changed: make another AuthProvider, because identities belong to the host")
        .default("github.com"),
      clientID,
      clientSecret,
    }).optional(),
    oidc: object("An OpenID Connect provider.", {
      issuer: string("The issuer's URL, exactly as the provider states it.", { maxLength: 2048 })
        .matching("^https://[^?#]+$", "write an https URL without query and fragment")
        .immutable("the issuer cannot be changed: make another AuthProvider, because identities belong to the issuer"),
      clientID,
      clientSecret,
      caSecret,
      groupsClaim: string("The claim that lists a person's groups.", { maxLength: 128, minLength: 1 }).default("groups"),
    }).optional(),
    access: object("Who may log in.", {
      mode: choice(
        "Unrestricted: whoever the provider vouches for. Restricted: Users with access somewhere, and those listed here. Required: only those listed here.",
        ["Unrestricted", "Restricted", "Required"],
      ).default("Unrestricted"),
      users: array("Names of Users.", string("A User.", { maxLength: 253, minLength: 1 }), { maxItems: 1000 }).optional(),
      groups: array("Groups as the provider writes them.", string("A group.", { maxLength: 512, minLength: 1 }), {
        maxItems: 1000,
      }).optional(),
    }).default({}),
    refreshIntervalSeconds: integer("How often the groups of logged-in people are read again.", { minimum: 60, maximum: 604800 }).default(
      3600,
    ),
  })
    .rule(exactlyOne(TYPES), "write exactly one of local, activeDirectory, ldap, github and oidc")
    .rule(
      samePresence(TYPES),
      "the type of a provider cannot be changed: make another AuthProvider, because identities belong to the provider",
    ),
  conditions: [Accepted],
  ready: { of: [Accepted] },
  rules: [labelName("AuthProvider")],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    { name: "Access", type: "string", jsonPath: ".spec.access.mode" },
    ...READY_COLUMNS,
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: AuthProvider
metadata:
  name: local
spec:
  local: { minPasswordLength: 12 }
`,
});
export type AuthProvider = ObjectOf<typeof AuthProvider>;
