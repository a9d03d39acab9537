// Ports for servers that must keep theirs across restarts. They lie outside the range from which the kernel takes the local
// ports of outgoing connections: otherwise, while a server is down, a client that keeps dialling it can be given that very
// port and end up connected to itself.
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { type Lock, tryLock } from "./lock.ts";

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });

const firstEphemeral = async (): Promise<number> => {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => "");
  const first = Number(range.split(/\s+/)[0]);
  return first > 12_000 ? first : 32_768;
};

/**
 * `count` free ports of 127.0.0.1. No other process of this user is given them before `release`, which the
 * caller calls when its servers listen.
 */
export const reservePorts = async (count: number): Promise<{ ports: number[]; release(): void }> => {
  const top = await firstEphemeral();
  const locks: Lock[] = [];
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 2000) throw new Error("no free port found on 127.0.0.1");
    const port = randomInt(10_000, top);
    const lock = await tryLock(`port ${port}`);
    if (lock === undefined) continue;
    if (await isFree(port)) {
      locks.push(lock);
      ports.push(port);
    } else lock.release();
  }
  return {
    ports,
    release: () => {
      for (const lock of locks.splice(0)) lock.release();
    },
  };
};
