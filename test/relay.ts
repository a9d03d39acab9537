import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay in front of a server, for what networks do to connections: falling silent, breaking, refusing. It never looks into the bytes. */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #refusing = false;

  constructor(target: URL) {
    this.#server = createServer((near) => {
      if (this.#refusing) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(Number(target.port), target.hostname);
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  static async to(server: string): Promise<Relay> {
    const relay = new Relay(new URL(server));
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", () => resolve()));
    relay.#port = (relay.#server.address() as AddressInfo).port;
    return relay;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** How many connections are open through it. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** What is connected now stays connected and never carries a byte again; new connections work. */
  silence(): void {
    for (const socket of this.#sockets) socket.removeAllListeners("data").resume();
  }

  /** Breaks what is connected and refuses what comes, until `open`. */
  cut(): void {
    this.#refusing = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  open(): void {
    this.#refusing = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (chunk) => to.write(chunk));
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
