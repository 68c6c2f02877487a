import { ConnectionError } from '../errors.js';
import { BLOCK_LEN, BlockDigest } from './digest.js';
import type { FileLine } from './fileChannel.js';
import { CHUNK_LEN_MAX, type DeclineReason } from './fileProtocol.js';
import { interrupted, isOver, Transfer } from './transfer.js';

/** A file on its way to one recipient. */
export class SendingTransfer extends Transfer {
  readonly #line: FileLine;
  readonly #stream: number;
  readonly #file: Blob;

  /** Offers it. */
  constructor(line: FileLine, stream: number, id: string, name: string, file: Blob) {
    super({ id, name, size: file.size, type: file.type });
    this.#line = line;
    this.#stream = stream;
    this.#file = file;
    line.send({ type: 'fileOffer', stream, id, name, size: file.size, media: file.type });
  }

  override cancel(): void {
    if (this.enter('cancelled')) this.#line.send({ type: 'fileCancel', stream: this.#stream });
  }

  /** The recipient wants it. */
  handleAccept(): void {
    if (this.state !== 'offered') return;
    this.enter('accepted');
    this.#run().catch((cause) => {
      const text = `"${this.name}" could not be read. Choose it again and send it once more.`;
      this.enter('failed', new ConnectionError('fileUnreadable', text, { cause }));
      this.#line.send({ type: 'fileCancel', stream: this.#stream });
    });
  }

  /** The recipient does not want it, or no further. */
  handleDecline(reason: DeclineReason): void {
    if (reason === 'rejected') this.enter('rejected');
    else if (reason === 'cancelled') this.enter('cancelled');
    else {
      const why = reason === 'limit' ? 'too many files wait there' : 'it came out different there';
      this.enter(
        'failed',
        new ConnectionError(`file.${reason}`, `"${this.name}" was not taken, because ${why}. Send it again.`),
      );
    }
  }

  /** It arrived whole. */
  handleDone(): void {
    if (this.transferred === this.size) this.enter('done');
  }

  /** The connection is gone. */
  handleClosed(): void {
    this.enter('failed', interrupted(this.name));
  }

  async #run(): Promise<void> {
    this.enter('sending');
    const digest = new BlockDigest();
    for (let offset = 0; offset < this.size; offset += BLOCK_LEN) {
      const block = new Uint8Array(await this.#file.slice(offset, offset + BLOCK_LEN).arrayBuffer());
      // The block is hashed before it goes, so that no more than one is held.
      await digest.add(block);
      for (let start = 0; start < block.length; start += CHUNK_LEN_MAX) {
        await this.#line.writable();
        if (isOver(this.state)) return;
        const chunk = block.subarray(start, start + CHUNK_LEN_MAX);
        this.#line.sendChunk(this.#stream, chunk);
        this.advance(chunk.length);
      }
    }
    const finished = await digest.finish();
    if (!isOver(this.state)) this.#line.send({ type: 'fileEnd', stream: this.#stream, digest: finished });
  }
}
