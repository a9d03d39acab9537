import { expect, test } from "@jest/globals";
import { KINDS } from "./kinds.ts";
import { REFERENCES } from "./references.ts";
import type { JsonSchema } from "./schema/schema.ts";

/** Free text, what is outside the hub, and names that are made of several (provider:group). */
const NO_REFERENCES: readonly string[] = [
  ...["User", "AuthProvider", "Cluster", "Project", "ClusterRoleTemplate", "GlobalRole"].map((kind) => `${kind} spec/displayName`),
  ...["activeDirectory", "ldap"].flatMap((type) =>
    ["servers", "bind/username", "userSearchBase", "groupSearchBase"].map((field) => `AuthProvider spec/${type}/${field}`),
  ),
  ...["github/host", "github/clientID", "oidc/issuer", "oidc/clientID", "oidc/groupsClaim", "access/groups"].map(
    (field) => `AuthProvider spec/${field}`,
  ),
  "Cluster spec/agent/ceiling",
  "Cluster spec/agent/groups",
  ...["description", "rules/apiGroups", "rules/resources", "rules/resourceNames", "rules/verbs", "externalClusterRole"].map(
    (field) => `ClusterRoleTemplate spec/${field}`,
  ),
  "ProjectRoleTemplateBinding spec/subject/namespace",
  ...["matchLabels/*", "matchExpressions/key", "matchExpressions/values"].map((field) => `GlobalRole spec/grants/clusterSelector/${field}`),
];

/** Paths of all fields that hold any text. */
function texts(schema: JsonSchema, path: string): readonly string[] {
  if (schema.type === "array") return texts(schema.items as JsonSchema, path);
  if (schema.type === "object") {
    const { properties = {}, additionalProperties } = schema as {
      properties?: Record<string, JsonSchema>;
      additionalProperties?: JsonSchema;
    };
    const fields = Object.entries(properties).flatMap(([name, field]) => texts(field, `${path}/${name}`));
    return additionalProperties === undefined ? fields : [...fields, ...texts(additionalProperties, `${path}/*`)];
  }
  return schema.type === "string" && schema.enum === undefined && schema.format === undefined ? [path] : [];
}

test("every field of the kinds that people write is known to name another object, or not to", () => {
  const written = KINDS.filter(({ source }) => !source.internal);
  const fields = written.flatMap(({ kind, source }) => texts(source.spec.json, "spec").map((path) => `${kind} ${path}`));
  const references = REFERENCES.map(({ from, path }) => `${from} ${path}`);
  expect([...references, ...NO_REFERENCES].sort()).toEqual([...fields].sort());
});
