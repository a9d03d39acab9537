// The effects of registration. Only here does the process see registration tokens in plain text.
import { createHash, randomBytes } from "node:crypto";
import { dump } from "js-yaml";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { agentManifest } from "../../../deploy/agent/manifest.ts";
import { AGENT, clusterNamespace, MANAGED_BY, MANIFEST_SECRET, REGISTRATION_SECRET } from "../../../lib/access/names.ts";
import { isNotFound, type KubeClient } from "../../../lib/kube/client.ts";
import { Secret } from "../../../lib/kube/core.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { EffectContext } from "../../../lib/reconcile/effects.ts";
import { MADE_FROM, type PrepareRegistration, type RetireRegistration, TOKEN_HASH } from "./plan.ts";

/** What of the process's configuration goes into manifests. */
export interface ManifestSettings {
  readonly authURL: string;
  readonly proxyURLs: readonly string[];
  /** The authorities behind those URLs' certificates, as they are now. */
  readonly caPEM: () => string;
  readonly agentImage: string;
  /** Where the hub's own agent reaches the hub's API server. */
  readonly hubURL: string;
  readonly registrationTTLSeconds: number;
}

const options = { fieldManager: "cluster-registration", force: true };

export async function prepareRegistration(effect: PrepareRegistration, context: EffectContext, settings: ManifestSettings): Promise<void> {
  const { client, log, signal } = context;
  const { name } = effect.subject;
  const namespace = clusterNamespace(name);
  const token = (await usableToken(client, namespace, signal)) ?? (await newToken(client, namespace, settings, signal));
  const { authURL, proxyURLs, caPEM, agentImage: image, hubURL } = settings;
  const objects = agentManifest({
    ...{ cluster: name, authURL, proxyURLs, caPEM: caPEM(), image, registrationToken: token, ...effect.agent },
    ...(effect.isHub && { hubURL }),
  });
  const manifest = objects.map((object) => dump(object, { lineWidth: -1, noRefs: true })).join("---\n");
  const annotations = { [MADE_FROM]: effect.madeFrom, [TOKEN_HASH]: hashOf(token) };
  await client.apply(Secret, secret(namespace, MANIFEST_SECRET, { "manifest.yaml": manifest }, annotations), { ...options, signal });
  log.info("registration prepared", { cluster: name });
}

export async function retireRegistration({ subject }: RetireRegistration, { client, log, signal }: EffectContext): Promise<void> {
  const namespace = clusterNamespace(subject.name);
  // The manifest last: while it exists, this is retried.
  for (const name of [REGISTRATION_SECRET, MANIFEST_SECRET]) {
    try {
      await client.delete(Secret, { namespace, name }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  log.info("registration token and manifest deleted", { cluster: subject.name });
}

/** The token whose hash is on record, unless it expires soon: a manifest that somebody has already keeps working. */
async function usableToken(client: KubeClient, namespace: string, signal: AbortSignal): Promise<string | undefined> {
  const [registration, kept] = await Promise.all([
    client.find(ClusterRegistration, { namespace, name: AGENT }, { signal }),
    client.find(Secret, { namespace, name: REGISTRATION_SECRET }, { signal }),
  ]);
  const token = Buffer.from(kept?.data?.token ?? "", "base64").toString("utf8");
  if (!registration || token === "" || hashOf(token) !== registration.spec.tokenHash) return undefined;
  return Date.parse(registration.spec.expiresAt) - Date.now() > LEAST_LEFT_MS ? token : undefined;
}

const LEAST_LEFT_MS = 5 * 60_000;

/** First the token, then its hash: after a stop in between, the next attempt sees that they do not match, and makes another token. */
async function newToken(client: KubeClient, namespace: string, settings: ManifestSettings, signal: AbortSignal): Promise<string> {
  const token = `drvr_${randomBytes(32).toString("base64url")}`;
  await client.apply(Secret, secret(namespace, REGISTRATION_SECRET, { token }, {}), { ...options, signal });
  const expiresAt = new Date(Date.now() + settings.registrationTTLSeconds * 1000).toISOString();
  const { apiVersion, kind } = ClusterRegistration;
  const registration: KubeObject & { readonly spec: object } = {
    apiVersion,
    kind,
    metadata: { name: AGENT, namespace, labels: MANAGED_BY },
    spec: { tokenHash: hashOf(token), expiresAt, once: true },
  };
  await client.apply(ClusterRegistration, registration, { ...options, signal });
  return token;
}

function secret(namespace: string, name: string, values: Record<string, string>, annotations: Record<string, string>): Secret {
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value, "utf8").toString("base64")]));
  const { apiVersion, kind } = Secret;
  return { apiVersion, kind, metadata: { name, namespace, labels: MANAGED_BY, annotations }, type: "Opaque", data };
}

const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
