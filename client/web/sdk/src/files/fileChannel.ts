import { ConnectionError } from '../errors.js';
import type { RemoteParticipant } from '../participants/remoteParticipant.js';
import { encodeChunk, encodeFileMessage, type FileMessage, parseChunk, parseFileMessage } from './fileProtocol.js';
import { ReceivingTransfer } from './receiver.js';
import { SendingTransfer } from './sender.js';
import { isOver } from './transfer.js';
import type { IncomingFile } from './types.js';

/** Files under way, or on offer, in one direction between two participants. */
export const TRANSFERS_MAX = 16;
/** Sending waits while more than this is in the channel, in bytes. */
const BUFFER_MAX = 1 << 20;
/** Sending goes on when there is no more than this, in bytes. */
const BUFFER_LOW = 256 << 10;

/** What a transfer needs of the channel. */
export interface FileLine {
  /** Sends a message; nothing happens when the channel is closed, as that ends the transfer anyway. */
  send(message: FileMessage): void;
  /** Sends a piece. */
  sendChunk(stream: number, chunk: Uint8Array): void;
  /** Resolves when there is room for another piece, or the channel is closed. */
  writable(): Promise<void>;
}

/** The part of a data channel that is used here. */
export type FileDataChannel = Pick<
  RTCDataChannel,
  'readyState' | 'bufferedAmount' | 'bufferedAmountLowThreshold' | 'send' | 'addEventListener'
>;

/** All files between this participant and another, over one connection. */
export class FileChannel implements FileLine {
  readonly #channel: FileDataChannel;
  readonly #from: RemoteParticipant;
  readonly #onoffer: (file: IncomingFile) => void;
  readonly #sending = new Map<number, SendingTransfer>();
  readonly #receiving = new Map<number, ReceivingTransfer>();
  #streams = 0;

  /** Works on `channel`. */
  constructor(channel: FileDataChannel, from: RemoteParticipant, onoffer: (file: IncomingFile) => void) {
    this.#channel = channel;
    this.#from = from;
    this.#onoffer = onoffer;
    channel.bufferedAmountLowThreshold = BUFFER_LOW;
    channel.addEventListener('message', (event) => this.#handle((event as MessageEvent).data));
    channel.addEventListener('close', () => this.close());
  }

  /** Whether files can be offered. */
  get open(): boolean {
    return this.#channel.readyState === 'open';
  }

  /** Offers a file. Throws {@link ConnectionError}. */
  offer(id: string, name: string, file: Blob): SendingTransfer {
    this.#forget(this.#sending);
    if (this.#sending.size >= TRANSFERS_MAX) {
      const text = `${TRANSFERS_MAX} files are under way to ${this.#from.name} already. Wait for one of them.`;
      throw new ConnectionError('tooManyFiles', text);
    }
    this.#streams += 1;
    const transfer = new SendingTransfer(this, this.#streams, id, name, file);
    this.#sending.set(this.#streams, transfer);
    return transfer;
  }

  /** Ends everything: the connection is gone. */
  close(): void {
    for (const transfer of [...this.#sending.values(), ...this.#receiving.values()]) transfer.handleClosed();
    this.#sending.clear();
    this.#receiving.clear();
  }

  send(message: FileMessage): void {
    if (this.open) this.#channel.send(encodeFileMessage(message));
  }

  sendChunk(stream: number, chunk: Uint8Array): void {
    if (this.open) this.#channel.send(encodeChunk(stream, chunk));
  }

  async writable(): Promise<void> {
    while (this.open && this.#channel.bufferedAmount > BUFFER_MAX) {
      const waiting = new AbortController();
      await new Promise<void>((resolve) => {
        for (const event of ['bufferedamountlow', 'close']) {
          this.#channel.addEventListener(event, () => resolve(), { signal: waiting.signal });
        }
      });
      waiting.abort();
    }
  }

  #handle(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      const piece = parseChunk(data);
      if (piece !== undefined) this.#receiving.get(piece.stream)?.handleChunk(piece.chunk);
      return;
    }
    const message = typeof data === 'string' ? parseFileMessage(data) : undefined;
    switch (message?.type) {
      case 'fileOffer':
        this.#handleOffer(message);
        break;
      case 'fileEnd':
        void this.#receiving.get(message.stream)?.handleEnd(message.digest);
        break;
      case 'fileCancel':
        this.#receiving.get(message.stream)?.handleCancel();
        break;
      case 'fileAccept':
        this.#sending.get(message.stream)?.handleAccept();
        break;
      case 'fileDecline':
        this.#sending.get(message.stream)?.handleDecline(message.reason);
        break;
      case 'fileDone':
        this.#sending.get(message.stream)?.handleDone();
        break;
      case undefined:
        break;
    }
  }

  #handleOffer(offer: Extract<FileMessage, { type: 'fileOffer' }>): void {
    this.#forget(this.#receiving);
    const { stream } = offer;
    if (!this.#from.permissions.data || this.#receiving.has(stream) || this.#receiving.size >= TRANSFERS_MAX) {
      this.send({ type: 'fileDecline', stream, reason: 'limit' });
      return;
    }
    const transfer = new ReceivingTransfer(this, this.#from, offer);
    this.#receiving.set(stream, transfer);
    this.#onoffer(transfer);
  }

  /** Forgets the transfers that are over. */
  #forget(transfers: Map<number, SendingTransfer | ReceivingTransfer>): void {
    for (const [stream, transfer] of transfers) {
      if (isOver(transfer.state)) transfers.delete(stream);
    }
  }
}
