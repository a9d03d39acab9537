// docs/kinds: one page for each kind with its fields, its conditions with every reason, and an example.
import { KINDS } from "../../crds/kinds.ts";
import { docsOf } from "../../crds/schema/condition.ts";
import type { KindDefinition } from "../../crds/schema/kind.ts";
import type { JsonSchema, ValidationRule } from "../../crds/schema/schema.ts";
import type { KubeObject, ReadySummary } from "../../lib/kube/object.ts";
import { READY_REASONS } from "../../lib/reconcile/ready.ts";
import type { GeneratedFile, Generator } from "./file.ts";

const FOLDER = "docs/kinds";

export const kindDocs: Generator = {
  owns: [FOLDER],
  files: () => [index(), ...KINDS.map(page)],
};

const fileOf = (kind: KindDefinition<KubeObject>): string => `${kind.kind.toLowerCase()}.md`;
const header = (source: string): string => `<!-- Generated from ${source} by tools/generate.ts; edit that instead. -->\n`;

function index(): GeneratedFile {
  const rows = KINDS.map(
    (kind) =>
      `| [${kind.kind}](${fileOf(kind)}) | ${kind.source.shortNames.join(", ")} | ${kind.namespaced ? "namespace" : "cluster"} | ${cell(kind.source.description)} |`,
  );
  const content = [
    header("crds/kinds.ts"),
    "# Kinds of drover.dev/v1alpha1\n",
    "`kubectl get drover -A` lists all of them; `kubectl explain <kind> --recursive` says what is below.\n",
    "| Kind | Short | Scope | What it is |\n|---|---|---|---|",
    ...rows,
    "",
    CONDITIONS,
  ].join("\n");
  return { path: `${FOLDER}/README.md`, content };
}

const CONDITIONS = `## Conditions
Every kind with a status has condition \`Ready\`, which sums up its other conditions: False when one of them is False, else Unknown when one is Unknown or
not reported yet, else True. So one command says whether everything is done, and why not:

    kubectl wait --for=condition=Ready clusters.drover.dev,projects.drover.dev --all -A
    kubectl get drover -A

\`status.observedGeneration\` is the generation of the object that \`Ready\` is about, and -1 before anybody looked at it: tools that follow kstatus
(Flux, Argo CD, kpt) wait for it ([decision 0026](../decisions/0026-condition-ready.md)). Each reconciler says of its own conditions which generation
they are about. A condition with reason \`ReconcileFailed\` is Unknown because the last attempt failed; the message is the error, and it is retried by itself.
`;

function page(kind: KindDefinition<KubeObject>): GeneratedFile {
  const { source, statusSchema } = kind;
  const content = [
    header(`crds/v1alpha1/${kind.kind.toLowerCase()}.ts`),
    `# ${kind.kind}\n`,
    `${source.description}\n`,
    `${kind.namespaced ? "Namespaced" : "Cluster-scoped"}; \`kubectl get ${source.plural}\`, short \`${source.shortNames.join("`, `")}\`.\n`,
    "```yaml",
    `${source.example.trimEnd()}\n\`\`\`\n`,
    ...rules(source.rules ?? []),
    ...fields("spec", source.spec.json),
    ...(statusSchema ? fields("status", withoutConditions(statusSchema.json)) : []),
    ...(kind.ready ? readySection(kind.ready) : []),
    ...(source.conditions ?? []).flatMap(conditionSection),
  ].join("\n");
  return { path: `${FOLDER}/${fileOf(kind)}`, content: `${content.trimEnd()}\n` };
}

const rules = (list: readonly ValidationRule[]): string[] =>
  list.length === 0 ? [] : ["Refused otherwise:\n", ...list.map((rule) => `- ${rule.message}`), ""];

/** Conditions have a section of their own below. */
const withoutConditions = (schema: JsonSchema): JsonSchema => {
  const { conditions: _, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
};

function fields(name: string, schema: JsonSchema): string[] {
  const rows = rowsOf(name, schema);
  const title = `## ${name}\n\n${schema.description}\n`;
  if (rows.length === 0) return [title];
  const stated = rulesBelow(schema);
  return [
    title,
    "| Field | Type | What it is |\n|---|---|---|",
    ...rows,
    "",
    ...(stated.length > 0 ? ["Refused otherwise:\n", ...stated.map((message) => `- ${message}`), ""] : []),
  ];
}

function rowsOf(path: string, schema: JsonSchema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const at = `${path}.${name}`;
    const must = schema.required?.includes(name) ? "**required**. " : "";
    const row = `| \`${at}\` | ${typeOf(property)} | ${must}${cell(property.description ?? "")}${defaultOf(property)} |`;
    const inside = property.type === "array" ? rowsOf(`${at}[]`, property.items ?? {}) : rowsOf(at, property);
    return [row, ...inside];
  });
}

/** What may be written there, in few words: "string, at most 63 characters", "list of at most 20 objects". */
function typeOf(schema: JsonSchema): string {
  if (schema["x-kubernetes-int-or-string"]) return "quantity";
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(" or ");
  if (schema.format === "date-time") return "time";
  if (schema.type === "array") return `list, at most ${schema.maxItems}, of ${typeOf(schema.items ?? {})}`;
  if (schema.additionalProperties) return `map, at most ${schema.maxProperties}, to ${typeOf(schema.additionalProperties)}`;
  if (schema.type === "string") return `string, at most ${schema.maxLength}`;
  if (schema.type === "integer" && schema.maximum !== Number.MAX_SAFE_INTEGER) return `integer, ${schema.minimum} to ${schema.maximum}`;
  return schema.type ?? "";
}

const defaultOf = (schema: JsonSchema): string => {
  if (schema.default === undefined || typeof schema.default === "object") return "";
  return ` Default: \`${schema.default}\`.`;
};

const rulesBelow = (schema: JsonSchema): string[] => {
  const own = (schema["x-kubernetes-validations"] ?? []).map((rule) => rule.message);
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : [])].flatMap(rulesBelow);
  return [...new Set([...own, ...below])];
};

function conditionSection(constant: { readonly type: string }): string[] {
  const { type, description, reasons } = docsOf(constant);
  const rows = Object.entries(reasons).map(([reason, text]) => `| \`${reason}\` | ${cell(text)} |`);
  return [`## Condition ${type}\n`, `${description}\n`, "| Reason | When, and what to do |\n|---|---|", ...rows, ""];
}

function readySection({ of, intended }: ReadySummary): string[] {
  const types = of.map((type) => `\`${type}\``);
  const all = types.length > 1 ? `${types.slice(0, -1).join(", ")} and ${types.at(-1)}` : types[0];
  const rows = [
    `| \`${READY_REASONS.Ready}\` | Nothing to do. A message says which fields of the spec have no effect in this version. |`,
    ...intended.map(
      (reason) =>
        `| \`${reason}\` | With status True: the object is as its spec or somebody's decision wants it. See the condition with this reason. |`,
    ),
    `| \`${READY_REASONS.Pending}\` | The condition that the message names is not reported yet; passes by itself. If it lasts, look at the log of the operator. |`,
    `| \`${READY_REASONS.Deleting}\` | The object is being deleted. The message says what it waits for, where that is known. |`,
    "| any other | The reason of the condition that is not True; its section says what to do. |",
  ];
  const description = `Sums up ${all}; reason and message are those of the condition that decides. \`kubectl wait --for=condition=Ready\`, Flux and Argo CD go by it.`;
  return ["## Condition Ready\n", `${description}\n`, "| Reason | When, and what to do |\n|---|---|", ...rows, ""];
}

/** Between backticks `<` stands for itself; elsewhere Markdown would read it as HTML. */
const cell = (text: string): string =>
  text
    .replaceAll("|", "\\|")
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replaceAll("<", "&lt;") : part))
    .join("`");
