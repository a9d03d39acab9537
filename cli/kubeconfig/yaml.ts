// Kubeconfigs as text. Scalars are understood as kubectl does, so that what is not ours means the same after it was written anew.
import {
  boolYaml11Tag,
  DUMP_SCHEMA,
  dump,
  FAILSAFE_SCHEMA,
  floatCoreTag,
  intCoreTag,
  intYaml11Tag,
  loadAll,
  mergeTag,
  NOT_RESOLVED,
  nullCoreTag,
  type ScalarTagDefinition,
} from "js-yaml";
import { EMPTY, type Kubeconfig } from "./entries.ts";

/** Integers, exact also beyond what a JavaScript number holds. */
const integer: ScalarTagDefinition<number | bigint> = {
  ...intCoreTag,
  resolve: (text, isExplicit, tag) => {
    const value = intCoreTag.resolve(text, isExplicit, tag);
    return typeof value === "number" && !Number.isSafeInteger(value) ? BigInt(text) : value;
  },
  identify: (value) => typeof value === "bigint" || intCoreTag.identify(value),
  represent: String,
};

/** A string is quoted if any YAML takes it for a number. */
const anyInteger: typeof integer = {
  ...integer,
  implicitFirstChars: null,
  resolve: (text, isExplicit, tag) => {
    const value = intYaml11Tag.resolve(text, isExplicit, tag);
    return value === NOT_RESOLVED ? integer.resolve(text, isExplicit, tag) : value;
  },
};

const READ = FAILSAFE_SCHEMA.withTags(nullCoreTag, boolYaml11Tag, integer, floatCoreTag, mergeTag);
const WRITE = DUMP_SCHEMA.withTags(anyInteger);

export const renderKubeconfig = (config: Kubeconfig): string => dump(config, { schema: WRITE, lineWidth: -1, noRefs: true });

/** Nothing but comments is an empty kubeconfig. Throws an Error whose first line says what is wrong where, without the file's content. */
export function parseYAML(text: string): unknown {
  const [first, ...more] = loadAll(text, { schema: READ });
  if (more.length > 0) throw new Error("more than one document");
  return first ?? EMPTY;
}
