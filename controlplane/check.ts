import { sendRequest } from "../lib/outbound/client.ts";

/** A URL that answers 200 when a process is healthy, with the authority to trust and the client certificate to show (PEM). */
export interface Check {
  url: string;
  ca?: string;
  cert?: string;
  key?: string;
}

const TIMEOUT_MS = 5000;

/** Whether the URL answers 200; rejects when it does not answer. */
export const isHealthy = async ({ url, ...route }: Check): Promise<boolean> => {
  if (!url.startsWith("http://")) return (await sendRequest(url, route, { timeoutMs: TIMEOUT_MS })).status === 200;
  // Drover's own health ports serve plain HTTP, on loopback.
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await answer.text();
  return answer.status === 200;
};
