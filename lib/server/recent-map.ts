// A map of at most 20,000 entries: the one that was set longest ago makes room, so that a flood of invented keys cannot fill the memory.

const MAX_ENTRIES = 20_000;

export class RecentMap<T> {
  readonly #entries = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > MAX_ENTRIES) for (const oldest of this.#entries.keys()) return void this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
