import { sendRequest } from "../lib/outbound/client.ts";

/** What answers 200 when a process is well: a URL, and what a request to it trusts and shows (PEM). */
export interface Check {
  url: string;
  ca?: string;
  cert?: string;
  key?: string;
}

const TIMEOUT_MS = 5000;

/** Whether it answers 200; rejects when it does not answer. */
export const isWell = async ({ url, ...route }: Check): Promise<boolean> => {
  if (!url.startsWith("http://")) return (await sendRequest(url, route, { timeoutMs: TIMEOUT_MS })).status === 200;
  // Drover's own health ports speak plain HTTP, on loopback.
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  await answer.text();
  return answer.status === 200;
};
