/** The connection to the server, which forwards what others send. This side always offers. */
import type { Logger } from '../options.js';
import type { LocalMedia } from '../participants/localParticipant.js';
import { Peer, type PeerMessage } from '../peer/peer.js';
import type { PeerConnection } from '../peer/peerConnection.js';
import type { ClientMessage, ParticipantId, ServerMessage, TrackKind } from '../protocol.js';
import { PeerTrace } from '../trace/peerTrace.js';
import { type Forwarded, type SectionCounts, ServerSections } from './serverSections.js';

/** The server, where participants are named. */
export const SERVER: ParticipantId = 'server';

/** Messages about the connection to the server. */
export type ServerPeerMessage =
  | PeerMessage
  | Extract<ServerMessage, { type: 'sections' | 'sectionsWanted' | 'encodingsWanted' | 'connectionEnded' }>;

/** What it needs. */
export interface ServerPeerOptions {
  /** With how many receiving sections it begins. */
  readonly counts: SectionCounts;
  readonly logger: Logger;
  /** Sends a message to the server. */
  readonly send: (message: ClientMessage) => void;
  /** Whether messages reach the server just now. */
  readonly online: () => boolean;
  /** What the browser is to use, as it is now. */
  readonly configuration: () => RTCConfiguration;
  /** What to send, as it is now. */
  readonly media: () => readonly LocalMedia[];
  /** Names a track for the trace. */
  readonly sourceOf: (direction: string, name: string) => string | undefined;
  /** Something else is forwarded than before. */
  readonly onmedia: () => void;
  /** The path broke: perhaps it is this side's network. */
  readonly oninterrupted: () => void;
}

/** The connection to the server, over any number of attempts. */
export class ServerPeer {
  /** How it came about and how it is. */
  readonly trace = new PeerTrace();
  readonly #options: ServerPeerOptions;
  readonly #peer: Peer<ServerSections>;
  /** How many receiving sections there are to be, also of the next attempt. */
  #counts: SectionCounts;

  /** Makes it; {@link begin} connects. */
  constructor(options: ServerPeerOptions) {
    this.#options = options;
    this.#counts = options.counts;
    const { counts: _counts, ...rest } = options;
    this.#peer = new Peer({
      ...rest,
      to: SERVER,
      configuration: () => towardsServer(options.configuration()),
      // The server never offers: nothing crosses.
      polite: false,
      trace: this.trace,
      makeSections: (rtc) => new ServerSections(rtc, this.#counts),
      onconnection: () => options.onmedia(),
    });
  }

  /** Connects. */
  begin(): void {
    this.#peer.begin();
  }

  /** Takes a message of the server. What is about an attempt before is passed over. */
  handle(message: ServerPeerMessage): void {
    if (message.type === 'answer' || message.type === 'candidate' || message.type === 'endOfCandidates') {
      return this.#peer.handle(message);
    }
    const connection = this.#peer.connection;
    if (message.type === 'offer' || message.connection !== connection?.id) return;
    switch (message.type) {
      case 'sections':
        connection.sections.take(message.sections);
        return this.#options.onmedia();
      case 'sectionsWanted':
        this.#counts = { audio: message.audio, video: message.video };
        return connection.sections.want(this.#counts);
      case 'encodingsWanted':
        return connection.sections.setWanted(message.track, message.encodings);
      case 'connectionEnded': {
        const { reason, message: text } = message;
        this.trace.step('error', 'connectionEnded', `the server ended this attempt: ${text}`, { reason });
        this.#options.logger.warn('the server ended the connection', { reason, text });
        return this.#peer.handleEnded(message.connection);
      }
    }
  }

  /** What the server forwards, the newest last. */
  get forwarded(): Forwarded[] {
    return this.#peer.connection?.sections.forwarded ?? [];
  }

  /** Whether a track of a kind may still come, in a section that shows nothing yet. */
  mayCome(kind: TrackKind): boolean {
    return this.trace.state !== 'connected' || (this.#peer.connection?.sections.hasFree(kind) ?? true);
  }

  /** The connection, while media can flow. */
  get connection(): PeerConnection<ServerSections> | undefined {
    const { connection } = this.#peer;
    return connection?.state === 'connected' ? connection : undefined;
  }

  /** Sends what is to be sent now. */
  syncMedia(): void {
    this.#peer.syncMedia();
  }

  /** The browser is to use another configuration from the next search for a path on. */
  configure(): void {
    this.#peer.configure();
  }

  /** The network may have changed, or messages reach the server again. */
  check(networkChanged: boolean): void {
    this.#peer.check(networkChanged);
  }

  /** Ends it. */
  close(): void {
    this.#peer.close();
    this.trace.close();
  }
}

/**
 * What the browser is to use for the connection to the server, out of what it uses for others. The server is reached directly, or over a
 * stream where UDP is blocked. Its own relay over UDP would be a detour, and worse: Chromium, which asks relays from the very sockets of its
 * own candidates, takes everything that comes from a relay's address for the relay's, and so never gets what the server itself sends. Nor is
 * there an address to hide from the server, which knows it.
 */
export function towardsServer(configuration: RTCConfiguration): RTCConfiguration {
  const iceServers = (configuration.iceServers ?? []).flatMap((server) => {
    const urls = [server.urls].flat().filter((url) => STREAM.test(url));
    return urls.length === 0 ? [] : [{ ...server, urls }];
  });
  return { ...configuration, iceServers, iceTransportPolicy: 'all' };
}

/** TURN over TCP or TLS (RFC 7065 §3.1). */
const STREAM = /^(turns:(?!.*[?&]transport=udp)|turn:.*[?&]transport=tcp)/i;
