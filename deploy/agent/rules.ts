// Generated from agent/permissions.ts by tools/generate.ts; edit that instead.
import type { PolicyRule } from "../../lib/kube/object.ts";

type Rules = Readonly<Record<"cluster" | "namespaced", readonly PolicyRule[]>>;

export const rules: Rules = {
  "cluster": [
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "namespaces"
      ],
      "resourceNames": [
        "drover-system"
      ],
      "verbs": [
        "delete"
      ]
    },
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "namespaces"
      ],
      "verbs": [
        "get",
        "list",
        "watch",
        "patch"
      ]
    },
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "nodes"
      ],
      "verbs": [
        "get",
        "list",
        "watch"
      ]
    },
    {
      "apiGroups": [
        "admissionregistration.k8s.io"
      ],
      "resources": [
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings"
      ],
      "verbs": [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete"
      ]
    },
    {
      "apiGroups": [
        "authorization.k8s.io"
      ],
      "resources": [
        "subjectaccessreviews"
      ],
      "verbs": [
        "create"
      ]
    },
    {
      "apiGroups": [
        "rbac.authorization.k8s.io"
      ],
      "resources": [
        "clusterrolebindings",
        "clusterroles",
        "rolebindings"
      ],
      "verbs": [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete"
      ]
    },
    {
      "nonResourceURLs": [
        "/readyz",
        "/version"
      ],
      "verbs": [
        "get"
      ]
    },
    {
      "nonResourceURLs": [
        "/drover.dev/*"
      ],
      "verbs": [
        "use"
      ]
    }
  ],
  "namespaced": [
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "secrets"
      ],
      "resourceNames": [
        "agent-key",
        "agent-registration",
        "agent-state"
      ],
      "verbs": [
        "get",
        "update",
        "patch",
        "delete"
      ]
    },
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "serviceaccounts/token"
      ],
      "resourceNames": [
        "guard-probe",
        "impersonator"
      ],
      "verbs": [
        "create"
      ]
    },
    {
      "apiGroups": [
        ""
      ],
      "resources": [
        "secrets"
      ],
      "verbs": [
        "create"
      ]
    }
  ]
};
