// Label selectors as in metav1.LabelSelector, judged without the API server; and which clusters they choose, the hub never by accident.
import { HUB, LABEL } from "./names.ts";

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/**
 * Whether a grant with this selector holds in the cluster. The hub is chosen only by a selector that names it, and such a selector
 * chooses nothing else: "all but production" must not make administrators of Drover itself.
 */
export function selects(
  selector: LabelSelector,
  cluster: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
): boolean {
  return namesHub(selector) === (cluster.name === HUB) && matches(selector, cluster.labels ?? {});
}

/** Asks for the hub's label. A denial (NotIn, DoesNotExist) asks for what is not the hub, whatever value it was thought to have. */
export function namesHub({ matchLabels, matchExpressions }: LabelSelector): boolean {
  if (Object.hasOwn(matchLabels ?? {}, LABEL.hub)) return true;
  return (matchExpressions ?? []).some(({ key, operator }) => key === LABEL.hub && (operator === "In" || operator === "Exists"));
}

/** An empty selector matches everything. An operator that is not known matches nothing: a selector widens access, so doubt means no. */
function matches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (own(labels, key) !== value) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = own(labels, key);
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return values.length > 0 && (value === undefined || !values.includes(value));
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        return false;
    }
  });
}

const own = (labels: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;
