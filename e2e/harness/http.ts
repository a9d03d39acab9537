// Plain HTTPS to auth and proxy, trusting the environment's CA only.
import { readFileSync } from "node:fs";
import { request as open, type RequestOptions } from "node:https";
import { state } from "./state.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One request on a connection of its own. `headers` go out as given, repeated ones as lists. */
export async function request(url: string, options: RequestOptions & { readonly body?: string } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  return await new Promise((resolve, reject) => {
    const outgoing = open(url, { ...rest, ca: readFileSync(state().proxy.ca), agent: false, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    outgoing.on("error", reject);
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer from ${url} within 30 s`)));
    outgoing.end(body);
  });
}

export const postJSON = (url: string, value: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  request(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) });
