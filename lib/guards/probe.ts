// Whether guards are in force, found out by trying: what they must refuse is asked for, as a dry run, by an account that has the plain RBAC
// permission to it. Only an answer that names the policy counts; that the policy exists proves nothing.
import { SYSTEM_NAMESPACE } from "../access/names.ts";
import { GUARD_PROBE, userAgent } from "../components/components.ts";
import { ApiError, isForbidden, KubeClient } from "../kube/client.ts";
import { type Connection, endpointOf } from "../kube/connection.ts";
import { describe } from "../kube/log.ts";
import type { Attempt } from "./attempts.ts";
import type { GuardStatus } from "./enforcement.ts";

const LONGEST_MESSAGE = 1024;
const TOKEN_SECONDS = 3600;

/** Makes all attempts at once. `probe`: a client that is ServiceAccount guard-probe. Never rejects. */
export async function probeGuards(probe: KubeClient, attempts: readonly Attempt[], signal: AbortSignal): Promise<GuardStatus> {
  const results = await Promise.all(attempts.map((attempt) => tryOne(probe, attempt, signal)));
  const worst = results.find(({ state }) => state === "Missing") ?? results.find(({ state }) => state === "Unknown");
  return worst ?? { state: "Enforced", message: `refused, as they must be, by ${attempts.map(({ policy }) => policy).join(" and ")}` };
}

async function tryOne(probe: KubeClient, { policy, kind, object }: Attempt, signal: AbortSignal): Promise<GuardStatus> {
  try {
    await probe.create(kind, object, { dryRun: true, signal });
    return { state: "Missing", message: `policy ${policy} let a probe through: ${object.kind} ${object.metadata.name} was not refused` };
  } catch (error) {
    if (isForbidden(error) && (error as ApiError).message.includes(`'${policy}'`)) return { state: "Enforced", message: "" };
    // An answer, but not from the policy: whatever it was, it does not prove that the policy works.
    const answered = error instanceof ApiError && error.code < 500 && error.code !== 429;
    const what = answered ? `not ${policy} but something else refused the probe` : `the probe of policy ${policy} could not be made`;
    return { state: "Unknown", message: `${what}: ${describe(error)}`.slice(0, LONGEST_MESSAGE) };
  }
}

/** A client that is ServiceAccount guard-probe, by tokens that `client` asks for. It lies in drover-system, here and in managed clusters. */
export function probeClient(connection: Connection, client: KubeClient): KubeClient {
  const key = { namespace: SYSTEM_NAMESPACE, name: GUARD_PROBE };
  let current: { readonly token: string; readonly until: number } | undefined;
  const token = async (): Promise<string> => {
    if (current === undefined || current.until <= performance.now()) {
      const fresh = await client.requestToken(key, { expirationSeconds: TOKEN_SECONDS });
      current = { token: fresh.token, until: performance.now() + (TOKEN_SECONDS * 1000) / 2 };
    }
    return current.token;
  };
  const onUnauthorized = (): void => {
    current = undefined;
  };
  return new KubeClient({ ...endpointOf(connection), token, onUnauthorized }, { userAgent: userAgent(GUARD_PROBE) });
}
