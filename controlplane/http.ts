import { request as plain } from "node:http";
import { request as secure } from "node:https";

/** One HTTP or HTTPS request on a connection of its own, with a client certificate or none; the answer's body as text. */
export const httpRequest = (o: {
  url: string;
  ca?: string;
  cert?: string;
  key?: string;
  headers?: Record<string, string>;
  method?: string;
  body?: string;
  timeoutMs?: number;
}): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const { url, body, timeoutMs, ...options } = o;
    const request = url.startsWith("http://") ? plain : secure;
    const call = request(url, { ...options, agent: false, signal: AbortSignal.timeout(timeoutMs ?? 5000) }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }));
    });
    call.on("error", reject);
    call.end(body);
  });
