/** The connection to one participant over any number of attempts: when to begin, to look for another path, to begin anew. */
import { randomId } from '../ids.js';
import type { Logger } from '../options.js';
import type { LocalMedia } from '../participants/localParticipant.js';
import type { ClientMessage, PeerConnectionId, ServerMessage } from '../protocol.js';
import type { PeerTrace } from '../trace/peerTrace.js';
import { decideAttempt } from './negotiation.js';
import { PeerConnection, type PeerConnectionOptions } from './peerConnection.js';
import type { Sections } from './transceivers.js';

/** How long a connection may be interrupted before another path is looked for, in milliseconds. */
const INTERRUPTED_MS_MAX = 3_000;
/** How long an attempt, or a search for another path, may take before all begins anew, in milliseconds. */
const CONNECT_MS_MAX = 15_000;
/** How much later the side acts that did not begin: usually it need not act at all. */
const SECOND_MS = 4_000;
/** Attempts one after another without success (about a quarter of an hour), before only an outside change begins another. */
const ATTEMPTS_MAX = 40;
/** The longest rest between two attempts, in milliseconds. */
const REST_MS_MAX = 20_000;
/** Ids of dropped attempts that are still known as such. */
const RETIRED_MAX = 16;

/** Messages about connections. */
export type PeerMessage = Extract<ServerMessage, { type: 'offer' | 'answer' | 'candidate' | 'endOfCandidates' }>;

/** What a peer needs. */
export interface PeerOptions<S extends Sections>
  extends Pick<
    PeerConnectionOptions<S>,
    'to' | 'polite' | 'trace' | 'sourceOf' | 'logger' | 'makeSections' | 'onmedia'
  > {
  /** Sends a message through the server. */
  readonly send: (message: ClientMessage) => void;
  /** Whether messages reach the server just now. */
  readonly online: () => boolean;
  /** What the browser is to use, as it is now. */
  readonly configuration: () => RTCConfiguration;
  /** What to send, as it is now. */
  readonly media: () => readonly LocalMedia[];
  /** The path broke: perhaps it is this side's network. */
  readonly oninterrupted: () => void;
  /** Another connection took the place of the one before; its channels are new. */
  readonly onconnection: (connection: PeerConnection<S>) => void;
  /** There is a path, or it turned out that there is none. */
  readonly onpath?: (found: boolean) => void;
}

/** The connection to one participant. */
export class Peer<S extends Sections = Sections> {
  readonly #options: PeerOptions<S>;
  readonly #trace: PeerTrace;
  readonly #logger: Logger;
  readonly #retired: PeerConnectionId[] = [];
  #connection: PeerConnection<S> | undefined;
  /** Whether this side begins again first, as it was the one to begin. */
  #leads = false;
  #failures = 0;
  #restarting = false;
  /** Whether this attempt ever was connected. */
  #connected = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Waits for the other side's offer; {@link begin} makes one instead. */
  constructor(options: PeerOptions<S>) {
    this.#options = options;
    this.#trace = options.trace;
    this.#logger = options.logger;
  }

  /** The attempt at hand. */
  get connection(): PeerConnection<S> | undefined {
    return this.#connection;
  }

  /** Begins: this side joined later. */
  begin(): void {
    this.#leads = true;
    this.#replace(randomId(), true);
  }

  /** Takes a message of the other side. */
  handle(message: PeerMessage): void {
    if (this.#closed) return;
    if (message.connection !== this.#connection?.id) {
      if (message.type !== 'offer') return;
      const connection = this.#connection;
      const decision = decideAttempt({
        polite: this.#options.polite,
        retired: this.#retired.includes(message.connection),
        ownUnanswered: connection?.initiator === true && !connection.negotiated,
      });
      if (decision === 'ignore') return;
      this.#replace(message.connection, false);
    }
    const connection = this.#connection;
    switch (message.type) {
      case 'offer':
        connection?.handleOffer(message.sdp, message.tracks);
        break;
      case 'answer':
        connection?.handleAnswer(message.sdp, message.tracks);
        break;
      case 'candidate':
        connection?.handleCandidate(message.candidate);
        break;
      case 'endOfCandidates':
        connection?.handleEndOfCandidates(message.usernameFragment);
        break;
    }
  }

  /** Sends what is to be sent now. */
  syncMedia(): void {
    this.#connection?.setMedia(this.#options.media());
  }

  /** The browser is to use another configuration from the next search for a path on. */
  configure(): void {
    this.#connection?.configure(this.#options.configuration());
  }

  /** The network may have changed, or messages reach the server again. Takes up again what was given up. */
  check(networkChanged: boolean): void {
    const connection = this.#connection;
    if (connection === undefined || this.#closed) return;
    this.#failures = 0;
    if (connection.state === 'connected' && !networkChanged) return;
    if (connection.state === 'connected' || connection.state === 'disconnected') this.#restart('networkChanged');
    else if (connection.state === 'failed') this.#handleState('failed');
    else if (connection.state === 'closed') this.#wait(0, () => this.#again());
  }

  /** The other side has ended an attempt; another begins after a rest. */
  handleEnded(id: PeerConnectionId): void {
    if (this.#closed || id !== this.#connection?.id) return;
    this.#trace.setState('interrupted');
    this.#wait(restMs(this.#failures + 1), () => this.#again());
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#connection = undefined;
  }

  #replace(id: PeerConnectionId, initiator: boolean): void {
    clearTimeout(this.#timer);
    const before = this.#connection;
    if (before !== undefined) {
      this.#retired.push(before.id);
      if (this.#retired.length > RETIRED_MAX) this.#retired.shift();
      before.close();
    }
    this.#restarting = false;
    this.#connected = false;
    this.#trace.begin();
    this.#trace.setState('connecting');
    const code = initiator ? 'attemptBegan' : 'attemptAccepted';
    const text = initiator ? 'began to connect' : 'the other side began to connect';
    this.#trace.step('signalling', code, text, { connection: id, attempt: this.#trace.attempts });
    const { send, media, configuration, onconnection, online: _online, onpath: _onpath, ...rest } = this.#options;
    const connection: PeerConnection<S> = new PeerConnection({
      ...rest,
      id,
      initiator,
      configuration: configuration(),
      media: media(),
      send: (message) => {
        if (this.#connection === connection) send(message);
      },
      onstate: (state) => {
        if (this.#connection === connection) this.#handleState(state);
      },
    });
    this.#connection = connection;
    this.#wait(CONNECT_MS_MAX + restMs(this.#failures), () => this.#again());
    onconnection(connection);
  }

  #handleState(state: RTCPeerConnectionState): void {
    switch (state) {
      case 'connected':
        clearTimeout(this.#timer);
        this.#failures = 0;
        this.#restarting = false;
        this.#connected = true;
        this.#trace.setState('connected');
        this.#options.onpath?.(true);
        break;
      case 'disconnected':
        this.#trace.setState('interrupted');
        this.#options.oninterrupted();
        if (!this.#restarting) this.#wait(INTERRUPTED_MS_MAX, () => this.#restart('interrupted'));
        break;
      case 'failed':
        this.#trace.setState('failed');
        this.#options.onpath?.(false);
        // One search for another path; if that has failed as well, or there never was one, all begins anew.
        if (this.#restarting || !this.#connected) this.#wait(restMs(this.#failures), () => this.#again());
        else this.#wait(0, () => this.#restart('failed'));
        break;
      case 'new':
      case 'connecting':
      case 'closed':
        break;
    }
  }

  #restart(why: string): void {
    if (!this.#options.online()) return this.#wait(INTERRUPTED_MS_MAX, () => this.#restart(why));
    this.#restarting = true;
    this.#trace.step('restart', 'iceRestart', `looking for another path (${why})`, { why });
    this.#connection?.restartIce();
    this.#wait(CONNECT_MS_MAX, () => {
      if (this.#connection?.state !== 'connected') this.#again();
      else this.#restarting = false;
    });
  }

  /** Begins anew under another id. */
  #again(): void {
    if (!this.#options.online()) return this.#wait(INTERRUPTED_MS_MAX, () => this.#again());
    this.#options.onpath?.(false);
    this.#failures += 1;
    if (this.#failures > ATTEMPTS_MAX) {
      this.#connection?.close();
      this.#trace.setState('failed');
      this.#trace.step('error', 'gaveUp', `gave up after ${ATTEMPTS_MAX} attempts`, { attempts: ATTEMPTS_MAX });
      this.#logger.warn('no connection to participant', { participant: this.#options.to });
      return;
    }
    this.#trace.step('restart', 'attemptFailed', 'this attempt did not connect');
    this.#replace(randomId(), true);
  }

  #wait(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, this.#leads ? ms : ms + SECOND_MS);
  }
}

/** How long to rest after so many failures: nothing after the first, then longer and longer. */
function restMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(REST_MS_MAX, 500 * 2 ** Math.min(failures, 10));
}
