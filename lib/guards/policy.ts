// How a guard is written down: one ValidatingAdmissionPolicy and its binding, from a few lines of intent.
import { SYSTEM_NAMESPACE } from "../access/names.ts";
import type { ComponentName } from "../components/components.ts";
import type { KubeObject } from "../kube/object.ts";

export interface GuardRule {
  /** CEL; true lets the request pass. */
  readonly expression: string;
  /** What is refused and which right would allow it. CEL giving a string; plain text goes through `text`. */
  readonly message: string;
}

export interface Guard {
  /** Name of the policy and of its binding. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The requests that it matches: API groups with their resources, subresources written out. */
  readonly matches: readonly {
    readonly apiGroups: readonly string[];
    readonly apiVersions: readonly string[];
    readonly resources: readonly string[];
    readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
  }[];
  /** CEL; the guard looks only at requests for which all of these are true. */
  readonly only?: Readonly<Record<string, string>>;
  /** CEL; and for which none of these is. */
  readonly unless?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly rules: readonly GuardRule[];
}

/**
 * The policy fails closed, and each refusal is 403 Forbidden instead of the default 422, so that callers see it as what it is.
 */
export function guardObjects(guard: Guard): readonly KubeObject[] {
  const metadata = { name: guard.name, labels: guard.labels };
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata,
    spec: {
      failurePolicy: "Fail",
      // Defaults are written out: applying the same file again then changes nothing, by whatever means it is applied.
      matchConstraints: {
        matchPolicy: "Equivalent",
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: guard.matches.map((match) => ({ ...match, scope: "*" })),
      },
      ...((guard.only || guard.unless) && {
        matchConditions: [
          ...Object.entries(guard.only ?? {}).map(([name, expression]) => ({ name, expression })),
          ...Object.entries(guard.unless ?? {}).map(([name, expression]) => ({ name: `not-${name}`, expression: `!(${expression})` })),
        ],
      }),
      ...(guard.variables && { variables: Object.entries(guard.variables).map(([name, expression]) => ({ name, expression })) }),
      validations: guard.rules.map(({ expression, message }) => ({ expression, messageExpression: message, reason: "Forbidden" })),
    },
  };
  const binding = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata,
    spec: { policyName: guard.name, validationActions: ["Deny"] },
  };
  return [policy, binding];
}

/** A string literal of CEL. */
export const text = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** CEL: whoever asks may `use` this path. `path` is CEL itself. No wildcard over resources ever covers a path. */
export const mayUse = (path: string): string => `authorizer.path(${path}).check('use').allowed()`;

/** CEL: who asks. */
export const USER = "request.userInfo.username";

/** CEL: the request comes from this component of Drover. */
export const account = (name: ComponentName): string => `${USER} == ${text(`system:serviceaccount:${SYSTEM_NAMESPACE}:${name}`)}`;

/**
 * CEL: the namespace controller and the garbage collector, without whom namespaces would stay in Terminating for good. Where the controllers
 * have no accounts of their own (--use-service-account-credentials, which is off by default) they act as the controller manager.
 */
export const CLEANERS = `${USER} in ['system:serviceaccount:kube-system:namespace-controller', 'system:serviceaccount:kube-system:generic-garbage-collector', 'system:kube-controller-manager']`;
