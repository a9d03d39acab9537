import { describe, expect, test } from "@jest/globals";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { fingerprint } from "../../../lib/identity/agent-key.ts";
import type { ServiceAccount } from "../../../lib/kube/core.ts";
import type { Reading } from "../../../lib/reconcile/contract.ts";
import { plan } from "./plan.ts";

const cluster = { metadata: { name: "east" }, spec: { import: {} } } as unknown as Cluster;
const key = (fill: number): Buffer => Buffer.alloc(32, fill);
const ABSENT = { is: "absent" } as const;
const UNREADABLE = { is: "unreadable", because: "away" } as const;

const onRecord = (publicKey?: Buffer): Reading<ClusterRegistration> => ({
  is: "present",
  value: { status: publicKey === undefined ? {} : { publicKey: publicKey.toString("base64") } } as unknown as ClusterRegistration,
});
const account = (madeFor?: Buffer, more: object = {}): Reading<ServiceAccount> => {
  const annotations = madeFor === undefined ? {} : { "drover.dev/agent-key": fingerprint(madeFor) };
  return { is: "present", value: { metadata: { name: "agent", uid: "old", annotations, ...more } } as unknown as ServiceAccount };
};

/** What becomes of the account: made or kept for a key, or removed, or left alone. */
function fate(reading: Reading<ServiceAccount>, registration: Reading<ClusterRegistration>): string {
  const { apply = [], remove = [] } = plan(cluster, { ownNamespace: true, account: reading, registration });
  expect(apply.filter(({ kind }) => kind !== "ServiceAccount")).toHaveLength(4);
  const made = apply.find(({ kind }) => kind === "ServiceAccount");
  if (made !== undefined) return `for ${made.metadata.annotations?.["drover.dev/agent-key"] ?? "none"}`;
  return remove.length === 0 ? "left" : `removed ${remove.map(({ uid }) => uid).join()}`;
}

describe("the account of a cluster's agent", () => {
  test.each<[string, Reading<ServiceAccount>, Reading<ClusterRegistration>, string]>([
    ["is made before there is a key", ABSENT, ABSENT, "for none"],
    ["is made for the key on record", ABSENT, onRecord(key(1)), `for ${fingerprint(key(1))}`],
    ["becomes that of the first key", account(), onRecord(key(1)), `for ${fingerprint(key(1))}`],
    ["stays with its key", account(key(1)), onRecord(key(1)), `for ${fingerprint(key(1))}`],
    ["goes when the key is revoked", account(key(1)), onRecord(), "removed old"],
    ["goes when the registration is gone", account(key(1)), ABSENT, "removed old"],
    ["goes when another key comes on record", account(key(1)), onRecord(key(2)), "removed old"],
    ["is left while it goes", account(key(1), { deletionTimestamp: "2026-01-01T00:00:00Z" }), ABSENT, "left"],
    ["is left while the registration cannot be read", account(key(1)), UNREADABLE, "left"],
    ["is left while it cannot be read", UNREADABLE, onRecord(key(1)), "left"],
  ])("%s", (_, reading, registration, expected) => {
    expect(fate(reading, registration)).toBe(expected);
  });
});
