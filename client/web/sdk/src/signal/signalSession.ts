/** A session with the server that outlives its links: docs/protocol.md, "Frames" and "Resuming". */
import { SignalError } from '../errors.js';
import { Emitter } from '../events.js';
import { byteLength } from '../ids.js';
import { type Logger, silentLogger, type Transport } from '../options.js';
import type { ClientFrame, ClientMessage, Hello, ServerFrame, ServerMessage } from '../protocol.js';
import { backoffMs } from './backoff.js';
import { openEventsLink } from './eventsLink.js';
import type { Link, OpenLink } from './link.js';
import { watchNetwork } from './networkWatch.js';
import { Outbox } from './outbox.js';
import { openWebsocketLink } from './websocketLink.js';

/** The version of the protocol spoken here. */
const PROTOCOL_VERSION = 1;
/** How long a link may take until its `welcome`; short, for the next transport is to have its turn soon. */
const WELCOME_MS_MAX = 3_000;
/** The same for the last transport there is. */
const WELCOME_LAST_MS_MAX = 10_000;
/** How long a `pong` may take, in milliseconds, unless heartbeats follow each other faster. */
const PONG_MS_MAX = 5_000;
/** How long a `pong` may take when the network is suspected, in milliseconds. */
const CHECK_MS_MAX = 2_000;
/** How long messages wait for something to carry their acknowledgement, in milliseconds. */
const ACK_DELAY_MS = 200;
/** How many messages are acknowledged at once, without waiting. */
const ACK_COUNT_MAX = 32;
/** How long to go on trying to reach the server again, in milliseconds. */
export const RECONNECT_MS_MAX = 600_000;
/** How long `leave` waits for the server, in milliseconds. */
const LEAVE_MS_MAX = 1_000;
/** While reconnecting, every so many attempts another transport is tried. */
const ALTERNATE_EVERY = 3;

/** `welcome` as the server sends it. */
export type Welcome = Extract<ServerFrame, { type: 'welcome' }>;

/** What a session reports. */
export interface SignalSessionEvents {
  /** A session began that the server does not know from before: join. */
  begun(welcome: Welcome): void;
  /** The link is lost, and the session tries to get another. */
  lost(): void;
  /** The session goes on over another link; nothing was missed. */
  resumed(): void;
  /** A message, once and in order. */
  message(body: ServerMessage): void;
  /** It is over and nothing will bring it back. */
  ended(error: SignalError): void;
}

/** What a session needs. */
export interface SignalSessionOptions {
  /** The server. */
  readonly base: URL;
  /** The token, if any. */
  readonly token?: string | undefined;
  /** The name of this software. */
  readonly client: string;
  /** Which links to try, in order. */
  readonly transports: readonly Transport[];
  /** How to open them; the real ones unless given. */
  readonly openers?: Readonly<Record<Transport, OpenLink>>;
  /** Where to write what happens. */
  readonly logger?: Logger;
}

const OPENERS: Readonly<Record<Transport, OpenLink>> = { websocket: openWebsocketLink, events: openEventsLink };

/** Which transport worked last, by server: a page does not wait for a blocked WebSocket twice. */
const workedLast = new Map<string, Transport>();

/** A session with a server. */
export class SignalSession extends Emitter<SignalSessionEvents> {
  readonly #options: SignalSessionOptions;
  readonly #logger: Logger;
  readonly #outbox = new Outbox();
  #link: Link | undefined;
  #welcome: Welcome | undefined;
  #online = false;
  #ended = false;
  /** The last server message received, and the last one acknowledged. */
  #received = 0;
  #acknowledged = 0;
  #attempt = 0;
  #lostAt: number | undefined;
  #timers: Partial<Record<TimerName, Timer>> = {};
  #unwatch: (() => void) | undefined;

  /** Makes a session; `connect` begins it. */
  constructor(options: SignalSessionOptions) {
    super();
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Whether the server can be reached just now. */
  get online(): boolean {
    return this.#online;
  }

  /** How the link travels, or travelled. */
  get transport(): Transport | undefined {
    return this.#link?.transport;
  }

  /** What the server said of itself. */
  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Opens the first link: each transport once. Rejects with a {@link SignalError} when none of them can be opened. */
  async connect(signal?: AbortSignal): Promise<void> {
    let failure = '';
    for (const transport of this.#transports()) {
      const result = await this.#openFirst(transport, signal);
      if (result === undefined) {
        workedLast.set(this.#options.base.origin, transport);
        this.#unwatch = watchNetwork(() => this.check());
        return;
      }
      this.#logger.info('link not opened', { transport, reason: result.message });
      if (result.code !== 'unreachable') {
        this.#end();
        throw result;
      }
      failure = result.message;
    }
    this.#end();
    const { origin } = this.#options.base;
    throw new SignalError(
      'unreachable',
      `The server at ${origin} could not be reached (${failure}). Check the address and this computer's network.`,
    );
  }

  /** Sends a message; resolves once it took effect, rejects with a {@link SignalError} if it was refused. */
  request(body: ClientMessage): Promise<void> {
    if (this.#ended) {
      return Promise.reject(new SignalError('notConnected', 'There is no session with the server. Connect first.'));
    }
    const lengthMax = this.#welcome?.limits.frameLenMax ?? Number.POSITIVE_INFINITY;
    // The envelope around the body takes less than 100 bytes.
    if (byteLength(JSON.stringify(body)) + 100 > lengthMax) {
      const text = `This message is longer than the ${lengthMax} bytes that the server takes. Shorten it.`;
      return Promise.reject(new SignalError('tooLarge', text));
    }
    const added = this.#outbox.add(body);
    if (added instanceof SignalError) return Promise.reject(added);
    if (this.#online) this.#send({ type: 'message', ack: this.#received, ...added.outgoing });
    return added.done;
  }

  /** Asks whether the link is alive, or connects again at once: the network may have changed. */
  check(): void {
    if (this.#ended) return;
    if (this.#online) {
      this.#ping(CHECK_MS_MAX);
    } else if (this.#timers.retry !== undefined) {
      this.#attempt = 0;
      this.#open();
    }
  }

  /** Leaves the room and ends the session. */
  async leave(): Promise<void> {
    if (this.#online) {
      const left = this.request({ type: 'leave' }).catch(() => undefined);
      await Promise.race([left, new Promise((resolve) => setTimeout(resolve, LEAVE_MS_MAX))]);
    }
    this.#end();
  }

  /** Leaves the room without waiting, as the page is about to go. {@link revive} brings it back. */
  suspend(): void {
    if (this.#ended) return;
    const added = this.#outbox.add({ type: 'leave' });
    if (added instanceof SignalError || this.#link === undefined) return this.#drop();
    added.done.catch(() => undefined);
    this.#link.sendLast([{ type: 'message', ack: this.#received, ...added.outgoing }]);
    this.#drop();
  }

  /** Ends the session without a word. */
  close(): void {
    this.#end();
  }

  /** Begins a new session after {@link suspend}. */
  revive(): void {
    if (this.#ended) return;
    this.#welcome = undefined;
    this.#lose('the page was put away');
  }

  #transports(): Transport[] {
    const last = workedLast.get(this.#options.base.origin);
    const { transports } = this.#options;
    return last === undefined || !transports.includes(last)
      ? [...transports]
      : [last, ...transports.filter((transport) => transport !== last)];
  }

  /** Opens a link of a new session. Resolves with what kept it from being opened, if anything did. */
  #openFirst(transport: Transport, signal: AbortSignal | undefined): Promise<SignalError | undefined> {
    const isLast = this.#transports().at(-1) === transport;
    return new Promise((resolve) => {
      const settle = (result: SignalError | undefined) => {
        signal?.removeEventListener('abort', onabort);
        if (result !== undefined) this.#drop();
        resolve(result);
      };
      const onabort = () => settle(new SignalError('aborted', 'Connecting was given up, as the application asked.'));
      if (signal?.aborted) return onabort();
      signal?.addEventListener('abort', onabort);
      this.#openLink(transport, isLast ? WELCOME_LAST_MS_MAX : WELCOME_MS_MAX, {
        onwelcome: () => settle(undefined),
        onfailure: settle,
        onrefused: settle,
      });
    });
  }

  /** Opens a link to go on with the session. */
  #open(): void {
    this.#clear('retry');
    const transports = this.#transports();
    const index = this.#attempt % ALTERNATE_EVERY === ALTERNATE_EVERY - 1 ? 1 : 0;
    const transport = transports[index % transports.length] ?? 'websocket';
    this.#attempt += 1;
    this.#openLink(transport, WELCOME_MS_MAX, {
      onwelcome: () => {
        workedLast.set(this.#options.base.origin, transport);
        this.#attempt = 0;
      },
      onfailure: (error) => this.#lose(error.message),
    });
  }

  /** Opens a link; `onwelcome` or `onfailure` is called once, and later losses go to {@link #lose}. */
  #openLink(transport: Transport, welcomeMsMax: number, outcome: Outcome): void {
    this.#drop();
    let welcomed = false;
    const fail = (error: SignalError) => {
      if (this.#link !== link || this.#ended) return;
      this.#drop();
      if (welcomed) this.#lose(error.message);
      else outcome.onfailure(error);
    };
    const open = (this.#options.openers ?? OPENERS)[transport];
    const link: Link = open(this.#options.base, this.#hello(), {
      onframe: (frame) => {
        if (this.#link !== link || this.#ended) return;
        if (frame.type === 'close') return this.#handleClose(frame, welcomed ? undefined : outcome.onrefused);
        if (frame.type === 'welcome') {
          welcomed = true;
          outcome.onwelcome();
          this.#handleWelcome(frame);
        } else if (welcomed) {
          this.#handleFrame(frame);
        }
      },
      onclose: (reason) => fail(new SignalError('unreachable', reason)),
    });
    this.#link = link;
    this.#timers.welcome = setTimeout(() => {
      fail(new SignalError('unreachable', `no answer by ${transport} within ${welcomeMsMax / 1000} s`));
    }, welcomeMsMax);
  }

  #hello(): Hello {
    const { client, token } = this.#options;
    const { session, secret } = this.#welcome ?? {};
    const resume = session === undefined || secret === undefined ? undefined : { session, secret, ack: this.#received };
    return {
      version: PROTOCOL_VERSION,
      client,
      ...(token === undefined ? {} : { token }),
      ...(resume === undefined ? {} : { resume }),
    };
  }

  #handleWelcome(welcome: Welcome): void {
    this.#clear('welcome');
    this.#welcome = welcome;
    this.#logger.debug('welcome', { resumed: welcome.resumed, transport: this.#link?.transport });
    this.#online = true;
    this.#lostAt = undefined;
    this.#timers.heartbeat = setInterval(
      () => this.#ping(Math.min(PONG_MS_MAX, welcome.heartbeatMs)),
      welcome.heartbeatMs,
    );
    if (welcome.resumed) {
      this.#outbox.acknowledge(welcome.ack);
      for (const outgoing of this.#outbox.unacknowledged) {
        this.#send({ type: 'message', ack: this.#received, ...outgoing });
      }
      this.emit('resumed');
      return;
    }
    this.#received = 0;
    this.#acknowledged = 0;
    this.#outbox.reset(
      new SignalError('connectionLost', 'The server lost this session before it answered. Try again.'),
    );
    this.emit('begun', welcome);
  }

  #handleFrame(frame: Exclude<ServerFrame, { type: 'welcome' | 'close' }>): void {
    switch (frame.type) {
      case 'message':
        this.#handleMessage(frame);
        break;
      case 'pong':
        this.#clear('pong');
        this.#outbox.acknowledge(frame.ack);
        break;
      case 'ack':
        this.#outbox.acknowledge(frame.ack);
        break;
      case 'rejected':
        this.#logger.warn('frame rejected', { code: frame.code, message: frame.message });
        break;
    }
  }

  #handleMessage(frame: Extract<ServerFrame, { type: 'message' }>): void {
    if (frame.seq > this.#received + 1) {
      // Something is missing; the server still has it and sends it again on a new link.
      this.#lose(`message ${frame.seq} came after ${this.#received}`);
      return;
    }
    const isNew = frame.seq === this.#received + 1;
    if (isNew && frame.body.type === 'error') {
      // Before the acknowledgement, which would take what is refused here for done.
      const { request, code, message } = frame.body;
      this.#outbox.refuse(request, new SignalError(code, message));
    }
    this.#outbox.acknowledge(frame.ack);
    if (!isNew) return;
    this.#received = frame.seq;
    this.#acknowledgeSoon();
    this.emit('message', frame.body);
  }

  #handleClose(
    { code, retry, message }: Extract<ServerFrame, { type: 'close' }>,
    onrefused: Outcome['onrefused'],
  ): void {
    const error = new SignalError(code, message);
    if (onrefused !== undefined) return onrefused(error);
    if (retry) return this.#lose(message);
    this.#end();
    this.emit('ended', error);
  }

  #acknowledgeSoon(): void {
    if (this.#received - this.#acknowledged >= ACK_COUNT_MAX) this.#send({ type: 'ack', ack: this.#received });
    else this.#timers.ack ??= setTimeout(() => this.#send({ type: 'ack', ack: this.#received }), ACK_DELAY_MS);
  }

  #ping(pongMsMax: number): void {
    this.#send({ type: 'ping', ack: this.#received });
    this.#timers.pong ??= setTimeout(() => this.#lose('the server did not answer a ping'), pongMsMax);
  }

  #send(frame: ClientFrame): void {
    if ('ack' in frame) {
      this.#acknowledged = frame.ack;
      this.#clear('ack');
    }
    this.#link?.send(frame);
  }

  /** The link is lost: try again, soon or later. */
  #lose(reason: string): void {
    const wasOnline = this.#online;
    this.#online = false;
    this.#drop();
    // By the clock that nobody sets, and that mostly stands still while the machine sleeps.
    const now = performance.now();
    this.#lostAt ??= now;
    if (now - this.#lostAt > RECONNECT_MS_MAX) {
      this.#end();
      const text = `The server could not be reached again for ${RECONNECT_MS_MAX / 60_000} minutes. Join again.`;
      this.emit('ended', new SignalError('connectionLost', text));
      return;
    }
    const wait = backoffMs(this.#attempt);
    this.#logger.info('link lost', { reason, wait: Math.round(wait) });
    this.#timers.retry = setTimeout(() => this.#open(), wait);
    if (wasOnline) this.emit('lost');
  }

  /** Closes the link and stops every timer. */
  #drop(): void {
    this.#link?.close();
    this.#link = undefined;
    for (const name of Object.keys(this.#timers) as TimerName[]) this.#clear(name);
  }

  #end(): void {
    this.#drop();
    this.#ended = true;
    this.#online = false;
    this.#unwatch?.();
    this.#outbox.reset(new SignalError('notConnected', 'The session with the server has ended. Connect again.'));
  }

  #clear(name: TimerName): void {
    // One function clears timeouts and intervals alike (HTML §8.6).
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}

type Timer = ReturnType<typeof setTimeout>;
type TimerName = 'retry' | 'welcome' | 'heartbeat' | 'pong' | 'ack';

/** What became of opening a link. */
interface Outcome {
  onwelcome(): void;
  onfailure(error: SignalError): void;
  /** The server refused; unless given, its word on trying again is followed. */
  onrefused?(error: SignalError): void;
}
