import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface HealthOptions {
  readonly host: string;
  /** 0: the operating system chooses. */
  readonly port: number;
  /** Readiness: each gives true, or one line that says what is missing. */
  readonly checks: Readonly<Record<string, () => true | string>>;
  readonly metrics: Registry;
}

export interface HealthServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** /healthz (the process answers), /readyz (every check holds, otherwise 503 and what does not), /metrics; plain HTTP on a port of its own. */
export async function serveHealth({ host, port, checks, metrics }: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = "text/plain; charset=utf-8"): void => {
      response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" }).end(body);
    };
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "only GET\n");
    if (path === "/healthz") return answer(200, "ok\n");
    if (path === "/readyz") {
      const failing = failures(checks);
      return answer(failing.length === 0 ? 200 : 503, failing.length === 0 ? "ok\n" : `${failing.join("\n")}\n`);
    }
    if (path !== "/metrics") return answer(404, "try /healthz, /readyz or /metrics\n");
    metrics.metrics().then(
      (text) => answer(200, text, metrics.contentType),
      (error: unknown) => answer(500, `${String(error)}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function failures(checks: HealthOptions["checks"]): string[] {
  return Object.entries(checks).flatMap(([name, check]) => {
    try {
      const result = check();
      return result === true ? [] : [`${name}: ${result}`];
    } catch (error) {
      return [`${name}: ${String(error)}`];
    }
  });
}
