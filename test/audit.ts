import { readFileSync } from "node:fs";

interface AuditEntry {
  readonly verb: string;
  readonly objectRef?: { readonly namespace?: string; readonly resource?: string; readonly subresource?: string; readonly name?: string };
}

/** The requests within a namespace that meant to write, in the order of their end, as "verb resource[/subresource] name". */
export function auditedWrites(plane: { readonly auditLog: string }, namespace: string): string[] {
  const text = readFileSync(plane.auditLog, "utf8");
  // The last line may still be being written.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEntry)
    .filter(({ verb, objectRef }) => objectRef?.namespace === namespace && !["get", "list", "watch"].includes(verb))
    .map(({ verb, objectRef: ref }) => `${verb} ${[ref?.resource, ref?.subresource].filter(Boolean).join("/")} ${ref?.name ?? ""}`);
}
