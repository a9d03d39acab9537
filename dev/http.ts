import { request } from "node:https";

/** One HTTPS request with a client certificate or none; the body of the answer is JSON text or plain text. */
export const httpsRequest = (o: {
  url: string;
  ca: string;
  cert?: string;
  key?: string;
  headers?: Record<string, string>;
  method?: string;
  body?: string;
  timeoutMs?: number;
}): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const { url, body, timeoutMs, ...options } = o;
    const call = request(url, { ...options, agent: false, signal: AbortSignal.timeout(timeoutMs ?? 5000) }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }));
    });
    call.on("error", reject);
    call.end(body);
  });
