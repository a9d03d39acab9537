// Bounds on open connections: whoever opens thousands and says nothing must not keep others out.
import type { Server } from "node:https";
import type { Socket } from "node:net";
import { sourceOf } from "./limiter.ts";

export interface ConnectionBounds {
  readonly perSource: number;
  readonly all: number;
}

export function boundConnections(server: Server, { perSource, all }: ConnectionBounds): void {
  const open = new Map<string, number>();
  let total = 0;
  server.on("connection", (socket: Socket) => {
    const source = sourceOf(socket.remoteAddress ?? "");
    const ofSource = (open.get(source) ?? 0) + 1;
    if (ofSource > perSource || total >= all) {
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
