/** Bytes of a file that are hashed as one. Neither side ever holds more than one such block in memory for it. */
export const BLOCK_LEN = 1 << 20;

/**
 * A digest of a file that is fed block by block: the SHA-256 of the SHA-256 digests of its blocks. (Browsers have no
 * SHA-256 that can be fed in pieces, and a file may be larger than memory.)
 */
export class BlockDigest {
  readonly #digests: Promise<ArrayBuffer>[] = [];

  /** Takes the next block: {@link BLOCK_LEN} bytes, the last one fewer. It must not change until `finish` resolves. */
  add(block: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
    const digest = crypto.subtle.digest('SHA-256', block);
    this.#digests.push(digest);
    return digest;
  }

  /** The digest of all blocks, in hexadecimal digits. */
  async finish(): Promise<string> {
    const digests = await Promise.all(this.#digests);
    const whole = await crypto.subtle.digest('SHA-256', await new Blob(digests).arrayBuffer());
    return Array.from(new Uint8Array(whole), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}
