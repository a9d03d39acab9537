// Waiting for a condition, with a generous limit and the last thing seen in the message when it does not come.

/** What an attempt gives back: a value ends the waiting; a Not says what was seen instead. */
export class Not {
  readonly seen: string;
  constructor(seen: unknown) {
    this.seen = typeof seen === "string" ? seen : JSON.stringify(seen, undefined, 1);
  }
}
export const not = (seen: unknown): Not => new Not(seen);

const INTERVAL_MS = 150;

/** Repeats `attempt` until it gives something else than a Not. An attempt that throws has not succeeded yet. */
export async function until<T>(what: string, attempt: () => Promise<T | Not> | T | Not, withinMs = 60_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const got = await Promise.resolve().then(attempt).catch(thrown);
    if (!(got instanceof Not)) return got;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1000} s for: ${what}\nlast seen: ${got.seen}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

const thrown = (error: unknown): Not => not(error instanceof Error ? error.message : String(error));

/** Repeats `attempt` for a while; throws at the first one that gives a Not. Returns how many attempts there were. */
export async function always(what: string, attempt: () => Promise<unknown>, forMs: number): Promise<number> {
  const deadline = performance.now() + forMs;
  for (let attempts = 1; ; attempts++) {
    const got = await Promise.resolve().then(attempt).catch(thrown);
    if (got instanceof Not) throw new Error(`no longer true: ${what}\nseen: ${got.seen}`);
    if (performance.now() > deadline) return attempts;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}
