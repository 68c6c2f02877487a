import { ConnectionError, type MoimError } from '../errors.js';
import type { RemoteParticipant } from '../participants/remoteParticipant.js';
import { BLOCK_LEN, BlockDigest } from './digest.js';
import type { FileLine } from './fileChannel.js';
import type { FileMessage } from './fileProtocol.js';
import { interrupted, Transfer } from './transfer.js';
import type { IncomingFile } from './types.js';

/** A file that another participant offers. */
export class ReceivingTransfer extends Transfer implements IncomingFile {
  readonly from: RemoteParticipant;
  readonly #line: FileLine;
  readonly #stream: number;
  readonly #digest = new BlockDigest();
  readonly #blocks: Blob[] = [];
  #block = new Uint8Array(0);
  #filled = 0;
  #received = 0;
  #outcome: PromiseWithResolversOf<Blob> | undefined;

  /** Waits for a decision. */
  constructor(line: FileLine, from: RemoteParticipant, offer: Extract<FileMessage, { type: 'fileOffer' }>) {
    super({ id: offer.id, name: offer.name, size: offer.size, type: offer.media });
    this.from = from;
    this.#line = line;
    this.#stream = offer.stream;
  }

  accept(): Promise<Blob> {
    if (this.#outcome !== undefined) return this.#outcome.promise;
    const outcome = withResolvers<Blob>();
    this.#outcome = outcome;
    if (this.enter('accepted')) {
      this.#line.send({ type: 'fileAccept', stream: this.#stream });
    } else {
      const text = `"${this.name}" is not on offer any more. Ask ${this.from.name} to send it again.`;
      outcome.reject(this.error ?? new ConnectionError('fileGone', text));
    }
    return outcome.promise;
  }

  reject(): void {
    if (this.state === 'offered') this.#decline('rejected');
  }

  override cancel(): void {
    this.#decline('cancelled');
  }

  /** Takes the next piece. */
  handleChunk(chunk: Uint8Array): void {
    if (this.state === 'accepted') this.enter('receiving');
    if (this.state !== 'receiving') return;
    if (this.#received + chunk.length > this.size) return this.#mismatch();
    this.#received += chunk.length;
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#filled === this.#block.length) this.#beginBlock();
      const part = rest.subarray(0, this.#block.length - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled === this.#block.length) this.#endBlock();
    }
    this.advance(chunk.length);
  }

  /** All of it was sent. */
  async handleEnd(digest: string): Promise<void> {
    // An empty file ends without a piece.
    if (this.state === 'accepted') this.enter('receiving');
    if (this.state !== 'receiving') return;
    if (this.#received !== this.size || (await this.#digest.finish()) !== digest) return this.#mismatch();
    if (!this.enter('done')) return;
    this.#line.send({ type: 'fileDone', stream: this.#stream });
    this.#outcome?.resolve(new Blob(this.#blocks, { type: this.type }));
  }

  /** The sender ended it. */
  handleCancel(): void {
    const text = `"${this.name}" did not arrive, because ${this.from.name} cancelled it. Ask them to send it again.`;
    this.#close('cancelled', new ConnectionError('fileCancelled', text));
  }

  /** The connection is gone. */
  handleClosed(): void {
    this.#close('failed', interrupted(this.name));
  }

  #beginBlock(): void {
    const before = this.#blocks.length * BLOCK_LEN;
    this.#block = new Uint8Array(Math.min(BLOCK_LEN, this.size - before));
    this.#filled = 0;
  }

  #endBlock(): void {
    void this.#digest.add(this.#block);
    this.#blocks.push(new Blob([this.#block]));
  }

  #mismatch(): void {
    this.#line.send({ type: 'fileDecline', stream: this.#stream, reason: 'digestMismatch' });
    const text = `"${this.name}" did not arrive as it was sent, and is thrown away. Ask ${this.from.name} to send it again.`;
    this.#close('failed', new ConnectionError('file.digestMismatch', text));
  }

  #decline(reason: 'rejected' | 'cancelled'): void {
    const text = `"${this.name}" was ${reason} here.`;
    if (this.#close(reason, new ConnectionError(`file.${reason}`, text))) {
      this.#line.send({ type: 'fileDecline', stream: this.#stream, reason });
    }
  }

  #close(state: 'rejected' | 'cancelled' | 'failed', error: MoimError): boolean {
    if (!this.enter(state, state === 'failed' ? error : undefined)) return false;
    this.#blocks.length = 0;
    this.#block = new Uint8Array(0);
    this.#outcome?.reject(error);
    return true;
  }
}

interface PromiseWithResolversOf<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function withResolvers<T>(): PromiseWithResolversOf<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((resolver, rejecter) => {
    resolve = resolver;
    reject = rejecter;
  });
  return { promise, resolve, reject };
}
