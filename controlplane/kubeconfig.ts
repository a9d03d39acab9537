import { writeFile } from "node:fs/promises";
import type { KeyPair } from "./pki.ts";

/**
 * A kubeconfig with one context, readable by its owner only. Certificates and keys are inside; a token stays in its
 * file, so that it can be renewed there.
 */
export const writeKubeconfig = async (
  path: string,
  o: { server: string; ca: string; user: string; pair?: KeyPair; tokenFile?: string },
): Promise<void> => {
  const data = (text: string): string => Buffer.from(text).toString("base64");
  const user = {
    ...(o.pair ? { "client-certificate-data": data(o.pair.cert), "client-key-data": data(o.pair.key) } : {}),
    ...(o.tokenFile ? { tokenFile: o.tokenFile } : {}),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster", cluster: { server: o.server, "certificate-authority-data": data(o.ca) } }],
    users: [{ name: o.user, user }],
    contexts: [{ name: "default", context: { cluster: "cluster", user: o.user } }],
    "current-context": "default",
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
};
