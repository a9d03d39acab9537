/** What can enqueue subjects besides objects that change. */
export interface Trigger {
  /** Returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** A value that one part of a process sets and others read. A change is announced when it is another value as JSON shows it. */
export class Shared<T> implements Trigger {
  readonly #listeners = new Set<() => void>();
  #value: T;
  #text: string | undefined;

  constructor(value: T) {
    this.#value = value;
    this.#text = JSON.stringify(value);
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    const text = JSON.stringify(value);
    if (text === this.#text) return;
    this.#text = text;
    for (const listener of [...this.#listeners]) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
