import type { Participant } from './participants/participant.js';
import type { ParticipantId } from './protocol.js';

/** A line of chat, incoming or own. */
export interface ChatMessage {
  /** Unique within its sender. */
  readonly id: string;
  /** Who wrote it. */
  readonly from: Participant;
  /** Set when it is for one participant alone. */
  readonly to?: ParticipantId;
  /** The text, as it was written: treat it as text, never as markup. */
  readonly text: string;
  /** When it was sent or came in, by this machine's clock. */
  readonly at: Date;
  /** How it travelled: by data channel, or through the server. */
  readonly via: 'peer' | 'server';
}
