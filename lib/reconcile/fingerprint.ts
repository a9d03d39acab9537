import { hash } from "node:crypto";

/** Lists are large and shared by many intents (the subjects of a group's bindings in thousands of namespaces): each is read once. */
const lists = new WeakMap<readonly unknown[], string>();

/**
 * The same text for equal values, another one for others. Undefined members count as absent. The value must not change afterwards, for
 * lists are remembered by identity. Pure.
 */
export function fingerprint(value: unknown): string {
  if (typeof value === "string") return `${value.length}"${value}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) {
    const known = lists.get(value);
    if (known !== undefined) return known;
    const made = hash("sha1", `[${value.map(fingerprint).join()}]`);
    lists.set(value, made);
    return made;
  }
  let text = "{";
  for (const name in value) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (member !== undefined) text += `${name}:${fingerprint(member)},`;
  }
  return `${text}}`;
}
