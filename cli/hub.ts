// The hub with the caller's own rights: for `init`, `import` and others that need the hub's kubeconfig.
import { ConnectionError, isForbidden, isNotFound, KubeClient, TimeoutError } from "../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../lib/kube/connection.ts";
import { CliError, EXIT } from "./failure.ts";

export interface HubOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Runs `work` with a client for the hub; errors become one line that says what to do. */
export async function withHub<T>(options: HubOptions, work: (hub: KubeClient) => Promise<T>): Promise<T> {
  let client: KubeClient;
  try {
    client = new KubeClient(await connectionFromKubeconfig(options.kubeconfig, options.context), { userAgent: "drover-cli" });
  } catch (error) {
    throw new CliError(EXIT.usage, `${(error as Error).message}; give the hub's with --kubeconfig`);
  }
  try {
    return await work(client);
  } catch (error) {
    throw explained(error);
  } finally {
    await client.close();
  }
}

function explained(error: unknown): unknown {
  if (error instanceof CliError) return error;
  if (error instanceof ConnectionError || error instanceof TimeoutError)
    return new CliError(EXIT.unreachable, `the hub cannot be reached: ${error.message}; is this the hub's kubeconfig?`);
  if (isForbidden(error)) return new CliError(EXIT.refused, `${(error as Error).message}; use a kubeconfig of the hub with more rights`);
  // A kind of ours that the server does not know: the path itself is not found.
  if (
    isNotFound(error) &&
    /\/apis\/drover\.dev\//.test((error as Error).message) &&
    /page not found|could not find/.test((error as Error).message)
  )
    return new CliError(EXIT.failed, "Drover is not installed in this cluster; first: kubectl apply -k deploy/bases/hub");
  return error;
}
