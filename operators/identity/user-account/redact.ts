// Pure: takes a plain password out of every place of a Secret where it can be.
import { HASH_KEY, PASSWORD_KEY, passwordText } from "../../../lib/identity/password.ts";
import type { Secret } from "../../../lib/kube/core.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

type Applied = Record<string, unknown>;

/** The Secret with annotations in which its password is not. Other annotations stay as they are, and so does the data. */
export function withoutCopies(secret: Secret): Secret {
  const { annotations } = secret.metadata;
  if (annotations === undefined) return secret;
  const encoded = secret.data?.[PASSWORD_KEY];
  const bytes = Buffer.from(encoded ?? "", "base64");
  const plain = [bytes.toString(), passwordText(bytes) ?? ""];
  return { ...secret, metadata: { ...secret.metadata, annotations: cleanAnnotations(annotations, plain) } };
}

/** The Secret with a hash instead of its password; undefined leaves the hash that is there. */
export function withHash(secret: Secret, hash: string | undefined): Secret {
  const { [PASSWORD_KEY]: _password, ...rest } = secret.data ?? {};
  return { ...secret, data: { ...rest, ...(hash === undefined ? {} : { [HASH_KEY]: Buffer.from(hash).toString("base64") }) } };
}

/** An annotation holds the password although the data no longer does: somebody wrote it back, or an older tool did. */
export function leaks(secret: Secret): boolean {
  const text = secret.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return false;
  const applied = parsed(text);
  return applied === undefined || mentions(applied);
}

function cleanAnnotations(annotations: Readonly<Record<string, string>>, plain: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(annotations)) {
    const clean = name === LAST_APPLIED ? cleanLastApplied(value) : value;
    // Whatever other tool keeps a copy: an annotation that repeats the password goes.
    if (clean !== undefined && !repeats(clean, plain)) kept[name] = clean;
  }
  return kept;
}

/** Without the password, so that kubectl still knows what else it applied. What cannot be read is dropped whole. */
function cleanLastApplied(text: string): string | undefined {
  const applied = parsed(text);
  if (applied === undefined) return undefined;
  if (!mentions(applied)) return text;
  const copy = { ...applied };
  for (const part of ["data", "stringData"]) {
    const values = copy[part];
    if (!isRecord(values)) continue;
    const { [PASSWORD_KEY]: _password, ...others } = values;
    if (Object.keys(others).length > 0) copy[part] = others;
    else delete copy[part];
  }
  // kubectl ends the annotation with a newline.
  return `${JSON.stringify(copy)}\n`;
}

const mentions = (applied: Applied): boolean =>
  ["data", "stringData"].some((part) => {
    const values = applied[part];
    return isRecord(values) && PASSWORD_KEY in values;
  });

/** `plain`: the password as it was written, and as it is read. */
function repeats(text: string, plain: readonly string[]): boolean {
  const forms = plain.flatMap((one) => [one, JSON.stringify(one).slice(1, -1), Buffer.from(one).toString("base64")]);
  return forms.some((form) => form !== "" && text.includes(form));
}

function parsed(text: string): Applied | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
