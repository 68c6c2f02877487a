import type { ChatMessage } from './chatTypes.js';
import { SignalError } from './errors.js';
import type { OutgoingFile } from './files/types.js';
import type { RoomOptions } from './options.js';
import type { Participant, ParticipantEvents } from './participants/participant.js';
import type { RemoteParticipant } from './participants/remoteParticipant.js';
import type { ClientMessage, ParticipantId, SignalLimits } from './protocol.js';
import type { RoomEvents } from './roomEvents.js';
import type { PeerTrace } from './trace/peerTrace.js';
import type { AudioPlayback } from './tracks/audioPlayback.js';
import type { RemoteTrackPublication } from './tracks/publication.js';

/** Events that a participant has and the room repeats, with the participant as the last argument. */
export type SharedEvent = Exclude<keyof ParticipantEvents, 'participantUpdated' | 'speakingChanged'>;

/** What participants need of their room. @internal */
export interface RoomContext {
  readonly options: RoomOptions;
  readonly playback: AudioPlayback;
  /** Whether the server can be reached just now. */
  readonly online: boolean;
  readonly limits: SignalLimits | undefined;
  emit<E extends keyof RoomEvents>(event: E, ...args: Parameters<RoomEvents[E]>): void;
  /** Tells of something that happened to a participant, at the participant and at the room. */
  emitFor<E extends SharedEvent>(participant: Participant, event: E, ...args: Parameters<ParticipantEvents[E]>): void;
  /** An error that ends nothing. */
  report(error: unknown): void;
  /** Asks the server; resolves once it took effect, rejects with the refusal. Throws before joining. */
  request(message: ClientMessage): Promise<void>;
  /** Local tracks changed: every connection takes them as they are now. */
  syncMedia(): void;
  /** How the connection to the server came about and how it is; `undefined` where it forwards nothing. */
  readonly serverConnection: PeerTrace | undefined;
  /** Other media of somebody is here, or some has proven to come. */
  mediaChanged(): void;
  /** A track of somebody is wanted otherwise. */
  wish(participant: RemoteParticipant, publication: RemoteTrackPublication): void;
  /** A track of somebody is gone, and with it how it was wanted. */
  forgetWish(participant: RemoteParticipant, publication: RemoteTrackPublication): void;
  sendChat(text: string, to: ParticipantId | undefined): Promise<ChatMessage>;
  sendData(payload: Uint8Array, options: { reliable?: boolean; topic?: string; to?: ParticipantId[] }): void;
  sendFile(file: Blob & { name?: string }, to: ParticipantId[] | undefined): OutgoingFile;
}

/** What a message about a connection is refused with when there is nobody to take it. */
const GONE: ReadonlySet<string> = new Set(['unknownParticipant', 'connectionLost', 'notConnected']);

/** Sends a message about a connection. That its receiver or its session is gone meanwhile is no error. @internal */
export function sendAboutConnection(context: Pick<RoomContext, 'request' | 'report'>, message: ClientMessage): void {
  context.request(message).catch((error) => {
    if (!(error instanceof SignalError && GONE.has(error.code))) context.report(error);
  });
}
