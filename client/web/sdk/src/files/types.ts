import type { MoimError } from '../errors.js';
import type { RemoteParticipant } from '../participants/remoteParticipant.js';
import type { ParticipantId } from '../protocol.js';

/** Where a file transfer stands. */
export type FileState = 'offered' | 'accepted' | 'sending' | 'receiving' | 'done' | 'rejected' | 'cancelled' | 'failed';

/** A file on its way between two participants. It moves by data channel, never through the server. */
export interface FileTransfer {
  /** Unique within its sender. */
  readonly id: string;
  /** The file's name. Incoming: without any path, as the sender gave it. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
  /** Its media type, or an empty string. */
  readonly type: string;
  /** Where it stands. */
  readonly state: FileState;
  /** How many bytes have moved. */
  readonly transferred: number;
  /** Why it failed, if it did. */
  readonly error?: MoimError | undefined;
  /** Called after `state` or `transferred` changed, at most ten times a second while bytes move. */
  onchange?: (() => void) | undefined;
  /** Ends it on both sides. Does nothing once it has ended. */
  cancel(): void;
}

/** A file being sent. `state` and `transferred` are those of the slowest recipient. */
export interface OutgoingFile extends FileTransfer {
  /** One transfer per recipient. */
  readonly recipients: ReadonlyMap<ParticipantId, FileTransfer>;
}

/** A file that somebody offers. Nothing moves before `accept`. */
export interface IncomingFile extends FileTransfer {
  /** Who offers it. */
  readonly from: RemoteParticipant;
  /** Takes it. Resolves with the content once all of it is here and its SHA-256 digests match. */
  accept(): Promise<Blob>;
  /** Declines it. */
  reject(): void;
}
