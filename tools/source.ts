// TypeScript sources as the checks need them: which files there are, what each imports, which free names it uses.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "@swc/core";
import { execaSync } from "execa";
import { root } from "./results.ts";

export interface Import {
  /** As written: "./plan.ts", "undici", "node:fs". */
  readonly from: string;
  /** Imported names; empty for `import * as x`, `import "x"` and import(). */
  readonly names: readonly string[];
  /** Erased at build time: no code of the other file runs. */
  readonly typeOnly: boolean;
}

export interface Source {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** Dotted names of variables and of members read from them: "process", "Date.now"; "new Date()" for a construction without arguments. */
  readonly uses: ReadonlySet<string>;
}

/** Files of the working tree that git knows or would add, relative to the root, sorted. */
export function repositoryFiles(): string[] {
  const listed = execaSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root }).stdout;
  return [...new Set(listed.split("\n"))].filter((path) => path !== "" && existsSync(join(root, path))).sort();
}

export const readSource = (path: string): Source => parseSource(path, readFileSync(join(root, path), "utf8"));

export function parseSource(path: string, text: string): Source {
  const module = parseSync(text, { syntax: "typescript", target: "es2022" });
  const imports: Import[] = [];
  const uses = new Set<string>();
  visit(module as unknown as Node, imports, uses);
  return { path, imports, uses };
}

/** The parser's nodes: whatever has a `type` and fields. */
type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
const text = (value: unknown): string => (isNode(value) && typeof value.value === "string" ? value.value : "");

function visit(node: Node, imports: Import[], uses: Set<string>): void {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      if (isNode(node.source)) {
        imports.push(importOf(node));
        return;
      }
      break;
    case "Identifier":
      uses.add(text(node));
      return;
    case "NewExpression":
      if (isNode(node.callee) && text(node.callee) === "Date" && nodes(node.arguments).length === 0) uses.add("new Date()");
      break;
    case "CallExpression":
      if (isNode(node.callee) && node.callee.type === "Import") imports.push({ from: dynamicTarget(node), names: [], typeOnly: false });
      break;
    case "MemberExpression":
      visitMember(node, imports, uses);
      return;
    case "TsTypeAnnotation":
    case "TsInterfaceDeclaration":
    case "TsTypeAliasDeclaration":
      return;
  }
  for (const [key, value] of Object.entries(node)) {
    // A property's name is no use of a variable of that name.
    if (key === "key" && isNode(value) && value.type === "Identifier") continue;
    if (Array.isArray(value)) for (const child of value) visitArgument(child, imports, uses);
    else if (isNode(value)) visit(value, imports, uses);
  }
}

/** Members of lists are nodes, or wrap one: an argument is {spread, expression}. */
function visitArgument(child: unknown, imports: Import[], uses: Set<string>): void {
  if (isNode(child)) visit(child, imports, uses);
}

function visitMember(node: Node, imports: Import[], uses: Set<string>): void {
  const { object, property } = node;
  if (isNode(object) && object.type === "Identifier" && isNode(property) && property.type === "Identifier")
    uses.add(`${text(object)}.${text(property)}`);
  if (isNode(object)) visit(object, imports, uses);
  if (isNode(property) && property.type === "Computed") visit(property, imports, uses);
}

function importOf(node: Node): Import {
  const specifiers = nodes(node.specifiers);
  const named = specifiers.filter((s) => s.type === "ImportSpecifier" || s.type === "ExportSpecifier");
  const valueNames = named.filter((s) => s.isTypeOnly !== true);
  const typeOnly = node.typeOnly === true || (specifiers.length > 0 && named.length === specifiers.length && valueNames.length === 0);
  const names = valueNames.map((s) => text(s.imported ?? s.orig ?? s.local));
  return { from: text(node.source), names: named.length === specifiers.length ? names : [], typeOnly };
}

function dynamicTarget(call: Node): string {
  const [first] = nodes(call.arguments);
  return isNode(first?.expression) && first.expression.type === "StringLiteral" ? text(first.expression) : "(computed)";
}
