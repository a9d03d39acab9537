// Plain HTTPS to auth and proxy, trusting the environment's CA only.
import { readFileSync } from "node:fs";
import { type Answer, type SingleRequest, sendRequest } from "../../lib/outbound/client.ts";
import { state } from "./state.ts";

export type { Answer } from "../../lib/outbound/client.ts";

export const request = (url: string, options: SingleRequest = {}): Promise<Answer> =>
  sendRequest(url, { ca: readFileSync(state().proxy.ca, "utf8") }, options);

export const postJSON = (url: string, value: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  request(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) });
