// The bytes that a stream received and that are not read yet.

/** Shorter pieces are copied into a shared block. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 16 * 1024;

/**
 * A queue of bytes whose memory is proportional to its length, however small the pieces are. A piece of one byte is a view
 * on the whole chunk that the socket read, so keeping the view would keep the whole chunk in memory.
 */
export class ByteQueue {
  readonly #pieces: Buffer[] = [];
  /** The block that still has room, to be appended to #pieces, and how much of it is used. */
  #block: Buffer | undefined;
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    this.#length += piece.length;
    if (piece.length >= SMALL_BYTES) {
      this.#seal();
      this.#pieces.push(piece.length * 2 < piece.buffer.byteLength ? copied(piece) : piece);
      return;
    }
    for (let at = 0; at < piece.length; ) {
      this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const taken = piece.copy(this.#block, this.#used, at);
      this.#used += taken;
      at += taken;
      if (this.#used === BLOCK_BYTES) this.#seal();
    }
  }

  /** Removes and returns the oldest bytes; undefined when the queue is empty. */
  shift(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#seal();
    const piece = this.#pieces.shift();
    this.#length -= piece?.length ?? 0;
    return piece;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#block = undefined;
    this.#used = 0;
    this.#length = 0;
  }

  #seal(): void {
    if (this.#block === undefined) return;
    this.#pieces.push(this.#block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}

/** A copy with its own memory. Buffer.from would take it from a pool, and so keep the pool in memory. */
function copied(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}
