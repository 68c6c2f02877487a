import type { MoimError } from '../errors.js';
import type { ParticipantId } from '../protocol.js';
import { isOver } from './transfer.js';
import type { FileState, FileTransfer, OutgoingFile } from './types.js';

/** From the least advanced to the most. */
const ORDER: readonly FileState[] = [
  'offered',
  'accepted',
  'sending',
  'receiving',
  'done',
  'rejected',
  'cancelled',
  'failed',
];

/** A file offered to several: it stands where the slowest of them stands. */
export class SentFile implements OutgoingFile {
  onchange?: (() => void) | undefined;
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly type: string;
  readonly recipients: ReadonlyMap<ParticipantId, FileTransfer>;

  /** Follows the transfers to each recipient, of which there is at least one. */
  constructor(
    file: Pick<FileTransfer, 'id' | 'name' | 'size' | 'type'>,
    recipients: ReadonlyMap<ParticipantId, FileTransfer>,
  ) {
    this.id = file.id;
    this.name = file.name;
    this.size = file.size;
    this.type = file.type;
    this.recipients = recipients;
    for (const transfer of recipients.values()) {
      transfer.onchange = () => this.onchange?.();
    }
  }

  get state(): FileState {
    const states = [...this.recipients.values()].map(({ state }) => state);
    return ORDER.find((state) => states.includes(state)) ?? 'failed';
  }

  get transferred(): number {
    const moving = [...this.recipients.values()].filter(({ state }) => !isOver(state) || state === 'done');
    return moving.length === 0 ? 0 : Math.min(...moving.map(({ transferred }) => transferred));
  }

  get error(): MoimError | undefined {
    return [...this.recipients.values()].find(({ error }) => error !== undefined)?.error;
  }

  cancel(): void {
    for (const transfer of this.recipients.values()) transfer.cancel();
  }
}
