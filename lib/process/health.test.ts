import { expect, test } from "@jest/globals";
import { Counter, Registry } from "prom-client";
import { serveHealth } from "./health.ts";

test("health, readiness with its reasons, and metrics are served, and nothing else", async () => {
  const metrics = new Registry();
  new Counter({ name: "things_total", help: "Things.", registers: [metrics] }).inc(3);
  let ready: true | string = "widgets (no answer yet)";
  const checks = {
    caches: () => ready,
    fine: () => true as const,
    broken: (): true => {
      if (ready !== true) throw new Error("fell over");
      return true;
    },
  };
  const server = await serveHealth({ host: "127.0.0.1", port: 0, checks, metrics });
  const get = async (path: string, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return `${answer.status} ${await answer.text()}`;
  };
  try {
    expect(await get("/healthz")).toBe("200 ok\n");
    expect(await get("/readyz?verbose")).toBe("503 caches: widgets (no answer yet)\nbroken: Error: fell over\n");
    ready = true;
    expect(await get("/readyz")).toBe("200 ok\n");
    expect(await get("/metrics")).toContain("things_total 3");
    expect(await get("/")).toMatch(/^404 /);
    expect(await get("/healthz", "POST")).toMatch(/^405 /);
  } finally {
    await server.close();
  }
  await expect(get("/healthz")).rejects.toThrow();
});

test("a port that is taken is an error, not a crash", async () => {
  const metrics = new Registry();
  const first = await serveHealth({ host: "127.0.0.1", port: 0, checks: {}, metrics });
  await expect(serveHealth({ host: "127.0.0.1", port: first.port, checks: {}, metrics })).rejects.toThrow("EADDRINUSE");
  await first.close();
});
