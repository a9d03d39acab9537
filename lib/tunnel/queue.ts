// What a stream has received and nobody has read yet.

/** Pieces shorter than this are copied into a block of their own. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 16 * 1024;

/**
 * A queue of bytes whose memory is in proportion to its length, however small the pieces come: a piece of one byte is a view
 * on the whole chunk that the socket read, and holding the view would hold the chunk.
 */
export class ByteQueue {
  readonly #pieces: Buffer[] = [];
  /** The block at the end of #pieces that still has room, and how much of it is used. */
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

  /** The oldest bytes, or undefined when there are none. */
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

/** A copy with memory of its own: Buffer.from would take it from a pool, and so hold the pool. */
function copied(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}
