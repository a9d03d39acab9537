// Locks that die with their holder: a name in Linux's abstract socket namespace, which the kernel frees when the process ends,
// however it ends. There are no stale locks.
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Lock {
  release(): void;
}

const address = (name: string): string =>
  `\0drover-${createHash("sha256")
    .update(`${process.getuid?.() ?? 0} ${name}`)
    .digest("hex")
    .slice(0, 40)}`;

/** Takes the lock `name` of this user if it is free. */
export const tryLock = (name: string): Promise<Lock | undefined> =>
  new Promise((resolve, reject) => {
    const waiting = new Set<Socket>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => waiting.delete(socket));
    });
    server.unref();
    server.on("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)));
    server.listen({ path: address(name) }, () =>
      resolve({
        release: () => {
          server.close();
          for (const socket of waiting) socket.destroy();
        },
      }),
    );
  });

/** Waits until the holder of `name` lets go, or is gone. */
const released = (name: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ path: address(name) });
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.resume();
  });

/** Runs `work` while holding the lock `name`; `onWait` is called once if the lock is not free at first. */
export const withLock = async <T>(name: string, work: () => Promise<T>, onWait?: () => void): Promise<T> => {
  let lock = await tryLock(name);
  if (lock === undefined) onWait?.();
  while (lock === undefined) {
    await released(name);
    lock = await tryLock(name);
    if (lock === undefined) await sleep(20);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
};
