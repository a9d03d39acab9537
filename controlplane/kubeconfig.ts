import { writeFile } from "node:fs/promises";
import type { KeyPair } from "./pki.ts";

/**
 * A kubeconfig with one context, readable by its owner only. Certificates, keys and `token` are inside; a token in
 * a file stays there, so that it can be renewed.
 */
export const writeKubeconfig = async (
  path: string,
  o: { server: string; ca: string; user: string; pair?: KeyPair; token?: string; tokenFile?: string },
): Promise<void> => {
  const data = (text: string): string => Buffer.from(text).toString("base64");
  const user = {
    ...(o.pair ? { "client-certificate-data": data(o.pair.cert), "client-key-data": data(o.pair.key) } : {}),
    ...(o.token ? { token: o.token } : {}),
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
