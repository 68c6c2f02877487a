import { ConnectionError, type MoimError } from '../errors.js';
import type { FileState, FileTransfer } from './types.js';

/** Time between two calls of `onchange` while bytes move, in milliseconds. */
const PROGRESS_INTERVAL_MS = 100;

/** States that nothing leads out of. */
export function isOver(state: FileState): boolean {
  return state === 'done' || state === 'rejected' || state === 'cancelled' || state === 'failed';
}

/** What both directions of a transfer have in common. */
export abstract class Transfer implements FileTransfer {
  onchange?: (() => void) | undefined;
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly type: string;
  #state: FileState = 'offered';
  #transferred = 0;
  #error: MoimError | undefined;
  #toldAt = 0;

  /** Begins as offered. */
  constructor(file: Pick<FileTransfer, 'id' | 'name' | 'size' | 'type'>) {
    this.id = file.id;
    this.name = file.name;
    this.size = file.size;
    this.type = file.type;
  }

  /** Where it stands. */
  get state(): FileState {
    return this.#state;
  }

  /** How many bytes have moved. */
  get transferred(): number {
    return this.#transferred;
  }

  get error(): MoimError | undefined {
    return this.#error;
  }

  /** Ends it on both sides. */
  abstract cancel(): void;

  /** Goes to another state, unless it is over. */
  protected enter(state: FileState, error?: MoimError): boolean {
    if (isOver(this.#state)) return false;
    this.#state = state;
    this.#error = error;
    this.onchange?.();
    return true;
  }

  /** So many more bytes have moved. */
  protected advance(bytes: number): void {
    this.#transferred += bytes;
    const now = Date.now();
    if (now - this.#toldAt < PROGRESS_INTERVAL_MS && this.#transferred < this.size) return;
    this.#toldAt = now;
    this.onchange?.();
  }
}

/** The error of a transfer whose connection is gone. */
export function interrupted(name: string): ConnectionError {
  return new ConnectionError(
    'fileInterrupted',
    `"${name}" did not arrive, because the connection broke. Send it again.`,
  );
}
