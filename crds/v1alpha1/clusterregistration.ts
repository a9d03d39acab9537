import { boolean, choice, object, string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { fixedName } from "./names.ts";

/** Registered: an agent's public key is on record here. */
export const Registered = condition(
  "Registered",
  "An agent proved that it knows the registration token, and its public key is on record. Absent before that: see condition Registered of the Cluster.",
  {
    Registered: "Nothing to do.",
    AwaitingApproval: "An agent registered and waits for approval. Compare the fingerprint, then approve it.",
  },
);

export const ClusterRegistration = kind({
  kind: "ClusterRegistration",
  plural: "clusterregistrations",
  shortNames: ["dreg"],
  scope: "Namespaced",
  internal: true,
  description:
    "How the cluster's agent becomes known: the hash of its registration token, then its public key. Written by the clusters operator and by auth; one in each cluster's namespace, named `agent`.",
  spec: object("What a registering agent must show.", {
    tokenHash: string("SHA-256 of the registration token, in hexadecimal.", { maxLength: 64, minLength: 64, pattern: "^[0-9a-f]{64}$" }),
    expiresAt: time("Until when the token can be used."),
    once: boolean("true: the token is worth nothing after the first registration.").default(true),
    approval: choice("Automatic: whoever shows the token is registered. Manual: somebody confirms the fingerprint.", [
      "Automatic",
      "Manual",
    ]).default("Automatic"),
  }),
  status: {
    publicKey: string("The agent's Ed25519 public key: 32 bytes in base64.", { maxLength: 44, pattern: "^[A-Za-z0-9+/]{43}=$" }).optional(),
    fingerprint: string("SHA256:<base64 of the key's SHA-256>, for people to compare.", { maxLength: 64 }).optional(),
    registeredAt: time("When the key came on record.").optional(),
  },
  conditions: [Registered],
  ready: { of: [Registered] },
  rules: [fixedName("agent")],
  columns: [
    ...READY_COLUMNS,
    { name: "Fingerprint", type: "string", jsonPath: ".status.fingerprint" },
    { name: "Registered", type: "date", jsonPath: ".status.registeredAt" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterRegistration
metadata:
  name: agent
  namespace: cluster-east
spec:
  tokenHash: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  expiresAt: "2030-01-01T00:00:00Z"
`,
});
export type ClusterRegistration = ObjectOf<typeof ClusterRegistration>;
