// Evaluates label selectors (metav1.LabelSelector) over clusters. A selector matches the hub only when it names it.
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
 * Whether a grant with this selector applies to the cluster. Only a selector that names the hub matches it, and such a selector
 * matches nothing else: "all but production" must not grant administration of Drover itself.
 */
export function selects(
  selector: LabelSelector,
  cluster: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
): boolean {
  return namesHub(selector) === (cluster.name === HUB) && matches(selector, cluster.labels ?? {});
}

/** Whether the selector requires the hub's label. NotIn and DoesNotExist exclude the hub, so they do not count. */
export function namesHub({ matchLabels, matchExpressions }: LabelSelector): boolean {
  if (Object.hasOwn(matchLabels ?? {}, LABEL.hub)) return true;
  return (matchExpressions ?? []).some(({ key, operator }) => key === LABEL.hub && (operator === "In" || operator === "Exists"));
}

/** An empty selector matches everything. An unknown operator matches nothing: a match grants access, so it fails closed. */
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
