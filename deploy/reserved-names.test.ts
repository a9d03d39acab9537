// A template is rendered as ClusterRole and ClusterRoleBinding `drover:<name>`: none may be called like an object that Drover itself needs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadAll } from "js-yaml";
import { HUB_ROLE } from "../lib/access/names.ts";
import { RESERVED_TEMPLATES } from "../lib/access/render-rules.ts";
import type { KubeObject } from "../lib/kube/object.ts";
import { agentManifest } from "./agent/manifest.ts";

const bases = join(import.meta.dirname, "bases");

function onHub(): readonly KubeObject[] {
  const files = readdirSync(bases, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
  return files
    .flatMap((path) => loadAll(readFileSync(join(bases, path), "utf8")) as (KubeObject | null)[])
    .filter((object) => object !== null);
}

const inManagedCluster = (): readonly KubeObject[] =>
  agentManifest({
    cluster: "east",
    authURL: "https://auth.drover.example",
    proxyURLs: ["https://api.drover.example"],
    caPEM: "",
    registrationToken: "secret",
    // Below cluster-admin the manifest holds the impersonator's role too, which the agent otherwise writes itself.
    ceiling: "view",
    groups: ["corp:developers"],
    image: "drover",
  });

/** RBAC objects of every kind: a template named like a Role or binding of Drover would be mistaken for it, even where nothing is overwritten. */
function ownNames(): ReadonlySet<string> {
  const objects = [...onHub(), ...inManagedCluster()].filter(({ apiVersion }) => apiVersion?.startsWith("rbac.authorization.k8s.io/"));
  const names = [...objects.map(({ metadata }) => metadata.name), ...Object.values(HUB_ROLE)];
  return new Set(names.flatMap((name) => /^drover:([^:]+)$/.exec(name)?.[1] ?? []));
}

test("the names that no template may have are exactly those of Drover's own RBAC objects, on the hub and in managed clusters", () => {
  expect([...RESERVED_TEMPLATES].sort()).toEqual([...ownNames()].sort());
});
