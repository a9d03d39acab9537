// Standard output of a process. Whoever collects it may stall, for example because a disk is full: what waits for them is bounded, and
// never keeps the process itself waiting.
import type { Writable } from "node:stream";

const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class BoundedOutput {
  readonly #stream: Writable;
  readonly #name: () => string;
  readonly #maxBytes: number;
  #lost = 0;

  /** `name`: of the process, for the line that says how many others were lost. */
  constructor(stream: Writable, name: () => string, maxBytes = MAX_WAITING_BYTES) {
    this.#stream = stream;
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  /** Whole lines. They are dropped when too much waits already; the next that are written say how many were. */
  write(lines: string): void {
    if (this.#stream.writableLength + lines.length > this.#maxBytes) {
      for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) this.#lost++;
      return;
    }
    this.#stream.write(this.#lost === 0 ? lines : this.#confession() + lines);
  }

  /** Resolves when everything was taken, or when the time is over. */
  async drained(limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    this.#stream.write("", () => resolve());
    await promise;
    clearTimeout(timer);
  }

  #confession(): string {
    const lines = this.#lost;
    this.#lost = 0;
    const time = new Date().toISOString();
    return `${JSON.stringify({ level: "error", message: "log lines were lost: nobody took them", time, process: this.#name(), lines })}\n`;
  }
}

let processName = "";
export const standardOutput = new BoundedOutput(process.stdout, () => processName);
export const nameOutput = (name: string): void => {
  processName = name;
};
