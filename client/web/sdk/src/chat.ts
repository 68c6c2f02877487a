import type { ChatMessage } from './chatTypes.js';
import { SignalError } from './errors.js';
import { byteLength, randomId } from './ids.js';
import type { Participant } from './participants/participant.js';
import type { RemoteParticipant } from './participants/remoteParticipant.js';
import type { ControlMessage } from './peer/channelProtocol.js';
import type { ClientMessage, ParticipantId, SignalLimits } from './protocol.js';

/** How long a line may go unconfirmed by a peer before it takes the way through the server too, in milliseconds. */
const CONFIRM_MS_MAX = 3_000;
/** Lines that may wait for confirmation; further ones go through the server at once. */
export const UNCONFIRMED_MAX = 100;
/** Lines by which repetitions are known. */
const SEEN_MAX = 2_000;
/** Longest line where the server has not said, in bytes. */
const TEXT_LEN_MAX = 8_192;

/** What chat needs of its room. */
export interface ChatContext {
  readonly local: Participant;
  readonly remotes: ReadonlyMap<ParticipantId, RemoteParticipant>;
  readonly limits: SignalLimits | undefined;
  /** Sends by data channel. Returns whether that was possible. */
  sendControl(to: ParticipantId, message: ControlMessage): boolean;
  request(message: ClientMessage): Promise<void>;
  deliver(message: ChatMessage): void;
  report(error: unknown): void;
}

interface Unconfirmed {
  readonly waiting: Set<ParticipantId>;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Lines of chat, each once, whichever way they came. A line goes by data channel to whoever is connected. If somebody is
 * not, or does not confirm, it goes through the server as well; ids keep those who have it from seeing it twice.
 */
export class Chat {
  readonly #context: ChatContext;
  readonly #unconfirmed = new Map<string, Unconfirmed>();
  /** In the order they came: the oldest is forgotten first. */
  readonly #seen = new Set<string>();

  /** Makes the chat of a room. */
  constructor(context: ChatContext) {
    this.#context = context;
  }

  /** Sends a line to everybody, or to one. Rejects with {@link SignalError}. */
  async send(text: string, to: ParticipantId | undefined): Promise<ChatMessage> {
    const { local, remotes, deliver } = this.#context;
    if (text === '') throw new SignalError('invalidArgument', 'A line of chat needs a text. Write one.');
    if (!local.permissions.data) {
      throw new SignalError(
        'permissionDenied',
        'Chat is not allowed to this participant. Ask for a token that allows data.',
      );
    }
    if (to !== undefined && !remotes.has(to)) {
      throw new SignalError('unknownParticipant', 'This participant is not in the room any more. Choose another.');
    }
    const id = randomId();
    const recipients = to === undefined ? [...remotes.keys()] : [to];
    const line = { type: 'chat', id, text, private: to !== undefined } as const;
    const mayWait = this.#unconfirmed.size < UNCONFIRMED_MAX;
    const reached = recipients.filter((recipient) => mayWait && this.#context.sendControl(recipient, line));
    const relayed = { type: 'chat', id, text, ...(to === undefined ? {} : { to }) } as const;
    if (reached.length > 0) this.#awaitConfirmation(relayed, reached);
    const via = reached.length === recipients.length ? 'peer' : 'server';
    if (via === 'server') await this.#context.request(relayed);
    const message: ChatMessage = { id, from: local, text, at: new Date(), via, ...(to === undefined ? {} : { to }) };
    deliver(message);
    return message;
  }

  /** Takes a control message from a data channel. */
  handleControl(from: RemoteParticipant, message: ControlMessage): void {
    if (message.type === 'chatReceived') {
      this.#confirm(message.id, from.id);
      return;
    }
    // A repetition is confirmed too: the confirmation before may be what was lost.
    this.#context.sendControl(from.id, { type: 'chatReceived', id: message.id });
    this.#receive(from, message.id, message.text, message.private, 'peer');
  }

  /** Takes a line that came through the server. */
  handleRelayed(from: RemoteParticipant, id: string, text: string, to: ParticipantId | undefined): void {
    this.#receive(from, id, text, to !== undefined, 'server');
  }

  /** Somebody is gone, and will confirm nothing. */
  forget(participant: ParticipantId): void {
    for (const id of [...this.#unconfirmed.keys()]) this.#confirm(id, participant);
  }

  /** Forgets everything. */
  clear(): void {
    for (const { timer } of this.#unconfirmed.values()) clearTimeout(timer);
    this.#unconfirmed.clear();
    this.#seen.clear();
  }

  #awaitConfirmation(relayed: Extract<ClientMessage, { type: 'chat' }>, recipients: ParticipantId[]): void {
    const timer = setTimeout(() => {
      this.#unconfirmed.delete(relayed.id);
      this.#context.request(relayed).catch((error) => this.#context.report(error));
    }, CONFIRM_MS_MAX);
    this.#unconfirmed.set(relayed.id, { waiting: new Set(recipients), timer });
  }

  #confirm(id: string, by: ParticipantId): void {
    const unconfirmed = this.#unconfirmed.get(id);
    unconfirmed?.waiting.delete(by);
    if (unconfirmed?.waiting.size !== 0) return;
    clearTimeout(unconfirmed.timer);
    this.#unconfirmed.delete(id);
  }

  #receive(from: RemoteParticipant, id: string, text: string, isPrivate: boolean, via: ChatMessage['via']): void {
    const { local, limits, deliver } = this.#context;
    const lengthMax = limits?.chatLenMax ?? TEXT_LEN_MAX;
    const key = `${from.id} ${id}`;
    if (!from.permissions.data || byteLength(text) > lengthMax || this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#seen.size > SEEN_MAX) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    deliver({ id, from, text, at: new Date(), via, ...(isPrivate ? { to: local.id } : {}) });
  }
}
