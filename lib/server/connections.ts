// Limits on open connections: a client that opens thousands and sends nothing must not keep others out.
import type { Server, Socket } from "node:net";
import { sourceKey } from "./source.ts";

export interface ConnectionLimits {
  readonly perSource: number;
  readonly all: number;
  /** Addresses for which only `all` counts: load balancers, which stand for many clients. */
  readonly standsForMany?: (address: string) => boolean;
}

export function limitConnections(server: Server, { perSource, all, standsForMany = () => false }: ConnectionLimits): void {
  const open = new Map<string, number>();
  let total = 0;
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const source = sourceKey(address);
    const ofSource = (open.get(source) ?? 0) + 1;
    if (total >= all || (ofSource > perSource && !standsForMany(address))) {
      socket.destroy();
      return;
    }
    open.set(source, ofSource);
    total += 1;
    socket.once("close", () => {
      total -= 1;
      const left = (open.get(source) ?? 1) - 1;
      if (left === 0) open.delete(source);
      else open.set(source, left);
    });
  });
}
