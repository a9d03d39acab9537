// A managed cluster as its owner made it: a control plane with the manifest of `kubectl drover import` applied, but no agent running.
import { agentManifest } from "../deploy/agent/manifest.ts";
import { SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { KubeClient } from "../lib/kube/client.ts";
import type { Connection } from "../lib/kube/connection.ts";
import { applyAsAdmin, startControlPlane, type TestControlPlane } from "./controlplane.ts";

export interface TestManagedCluster {
  readonly plane: TestControlPlane;
  readonly admin: KubeClient;
  apply(...objects: readonly object[]): Promise<void>;
  /** The API server as a ServiceAccount in drover-system. */
  connectionOf(account: string): Promise<Connection>;
  stop(): Promise<void>;
}

export interface TestManagedClusterOptions {
  readonly ceiling?: string;
  readonly groups?: readonly string[];
}

/** With a controller manager, which namespaces and garbage collection need. The manifest is applied without its Deployment. */
export async function startManagedCluster(options: TestManagedClusterOptions = {}): Promise<TestManagedCluster> {
  const plane = await startControlPlane({ controllerManager: true });
  const admin = new KubeClient(plane.adminConnection());
  const apply = (...objects: readonly object[]): Promise<void> => applyAsAdmin(plane, objects);
  try {
    await apply(...manifest(plane, options));
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return {
    plane,
    admin,
    apply,
    connectionOf: async (account) => {
      const { token } = await admin.requestToken({ name: account, namespace: SYSTEM_NAMESPACE }, { expirationSeconds: 7200 });
      return { server: plane.server, ca: plane.ca, token: async () => token };
    },
    stop: async () => {
      await admin.close();
      await plane.stop();
    },
  };
}

function manifest(plane: TestControlPlane, { ceiling = "cluster-admin", groups = [] }: TestManagedClusterOptions): readonly object[] {
  const input = {
    cluster: "east",
    authURL: "https://auth.drover.test",
    proxyURLs: ["https://api.drover.test"],
    caPEM: plane.ca,
    registrationToken: "unused",
    ceiling,
    groups,
    image: "drover",
  };
  return agentManifest(input).filter(({ kind }) => kind !== "Deployment");
}
