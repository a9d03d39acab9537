// agent-report
// Writes the ClusterReport on the hub: what the agent sees and did. Soon after something changed, never more often than the hub can bear, and
// never larger than a report may be. It assumes that nobody else writes the report, and that what it leaves out stays as it was.
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { Node } from "../../lib/kube/core.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { predicate, type Reconciler, SINGLETON, watchAll } from "../../lib/reconcile/contract.ts";
import { isReady, observe, type ReportSources } from "./observe.ts";
import { type Observed, plan, type Written } from "./plan.ts";

export function report(sources: ReportSources): Reconciler<KubeObject, Observed, Written> {
  let last: Written | undefined;
  return {
    name: "agent-report",
    subject: SINGLETON,
    watches: [watchAll(Node, { side: "target", optional: true })],
    triggers: [sources.guards, sources.memory.report, sources.memory.teardown],
    predicates: [predicate(Node, isReady)],
    owns: { conditions: [], kinds: [], patches: [{ kind: ClusterReport as never, side: "source" }] },
    permissions: [
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
      { nonResourceURLs: ["/version", "/readyz"], verbs: ["get"] },
    ],
    // Changes that come together are reported together.
    gatherMs: 200,
    retryCapMs: 30_000,
    observe: (_one, read, signal) => observe(sources, { read, last, signal }),
    plan: (_one, observed, now) => plan(observed, now),
    written: ({ status, patches = [] }, [result]) => {
      if (patches.length === 0 || result?.error !== undefined || status === undefined) return undefined;
      last = status;
      if (status.isTeardown) sources.memory.teardown.set("reported");
      return undefined;
    },
  };
}
