// A locked ClusterRoleTemplate is bound by nothing new. What named it before the lock goes on: it can be applied again and prolonged.
import { GROUP, VERSION } from "../names.ts";
import type { Guard } from "./policy.ts";

/** CEL: the template that is looked at. Each guard is asked once for each template that there is. */
const TEMPLATE = "params.metadata.name";

const lock = (name: string, resources: readonly string[], newly: string, refusal: string): Guard => ({
  name,
  labels: { "app.kubernetes.io/part-of": "drover" },
  matches: [{ apiGroups: [GROUP], apiVersions: ["*"], resources, operations: ["CREATE", "UPDATE"] }],
  params: { apiVersion: VERSION, kind: "ClusterRoleTemplate" },
  rules: [
    {
      expression: `!params.spec.?locked.orValue(false) || !(${newly})`,
      message: `'ClusterRoleTemplate ' + ${TEMPLATE} + ' is locked: ${refusal}; use another template, or unlock it (spec.locked: false)'`,
    },
  ],
});

export const lockedTemplates: readonly Guard[] = [
  lock(
    "drover-locked-templates-bound",
    ["clusterroletemplatebindings", "projectroletemplatebindings"],
    `object.spec.template == ${TEMPLATE} && (oldObject == null || oldObject.spec.template != ${TEMPLATE})`,
    "no new binding can name it",
  ),
  // With other clusters a grant is another one: a selector made wider would bind the template where it was not.
  lock(
    "drover-locked-templates-granted",
    ["globalroles"],
    `object.spec.grants.exists(grant, grant.template == ${TEMPLATE} && (oldObject == null || !(grant in oldObject.spec.grants)))`,
    "a GlobalRole keeps or drops its grants of it, but adds and changes none",
  ),
  // A template that inherits it holds all of its rules: without this, anybody who may write templates binds it under another name.
  lock(
    "drover-locked-templates-inherited",
    ["clusterroletemplates"],
    `${TEMPLATE} in object.spec.inherits && (oldObject == null || !(${TEMPLATE} in oldObject.spec.inherits))`,
    "no further template can inherit it",
  ),
];
