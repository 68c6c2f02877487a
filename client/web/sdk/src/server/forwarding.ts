/** What a room does with its server's forwarding: the connection to it, the topology, and how tracks of others are wanted. */

import { silentLogger } from '../options.js';
import type { LocalParticipant } from '../participants/localParticipant.js';
import type { RemoteParticipant } from '../participants/remoteParticipant.js';
import type { ParticipantId, RoomDescription, ServerMessage, Topology, TopologyReason, TrackId } from '../protocol.js';
import { type RoomContext, sendAboutConnection } from '../roomContext.js';
import type { Roster } from '../roster.js';
import type { PeerTrace } from '../trace/peerTrace.js';
import type { Reception, RemoteTrackPublication } from '../tracks/publication.js';
import { SERVER, ServerPeer, type ServerPeerMessage } from './serverPeer.js';
import type { Forwarded } from './serverSections.js';
import { TopologyState } from './topology.js';
import { Watches } from './watches.js';

/** What it needs of its room. */
export interface ForwardingContext extends RoomContext {
  readonly localParticipant: LocalParticipant;
  /** For every connection. */
  readonly configuration: RTCConfiguration;
  /** Asks whether the server can still be reached. */
  checkLink(): void;
}

/** Messages it takes. */
export type ForwardingMessage =
  | ServerPeerMessage
  | Extract<ServerMessage, { type: 'topology' | 'topologySettled' | 'speakers' }>;

/** The forwarding of one stay in a room. */
export class Forwarding {
  readonly #context: ForwardingContext;
  readonly #roster: Roster;
  readonly #state: TopologyState;
  readonly #peer: ServerPeer | undefined;
  readonly #watches: Watches;
  #speaking: readonly ParticipantId[] = [];

  /** Begins as a room is joined; {@link begin} connects. */
  constructor(context: ForwardingContext, roster: Roster, room: RoomDescription) {
    this.#context = context;
    this.#roster = roster;
    this.#state = new TopologyState(room.topology, room.topologyReason);
    this.#watches = new Watches((watches) => sendAboutConnection(context, { type: 'watch', watches }));
    if (room.forwarding !== undefined) this.#peer = this.#makePeer(room.forwarding);
  }

  /** How media travels. */
  get topology(): Topology {
    return this.#state.topology;
  }

  /** Why so. */
  get reason(): TopologyReason {
    return this.#state.reason;
  }

  /** Whether the way before is given up. */
  get settled(): boolean {
    return this.#state.settled;
  }

  /** How the connection to the server is, where there is to be one. */
  get trace(): PeerTrace | undefined {
    return this.#peer?.trace;
  }

  /** Who speaks by the word of the server, who has the floor first; `undefined` where it is for this side to find out. */
  get speaking(): readonly ParticipantId[] | undefined {
    return this.#state.topology === 'sfu' ? this.#speaking : undefined;
  }

  /** Connects to the server. */
  begin(): void {
    this.#peer?.begin();
  }

  /** Takes a message of the server. */
  handle(message: ForwardingMessage): void {
    switch (message.type) {
      case 'topology':
        return this.#decide(message.topology, message.reason);
      case 'topologySettled':
        return this.#settle(message.topology);
      case 'speakers':
        // Who has the floor comes first, also while drawing breath.
        this.#speaking = [...new Set([message.dominant, ...message.speaking])].filter(
          (id): id is ParticipantId => id !== undefined && message.speaking.includes(id),
        );
        return;
      default:
        this.#peer?.handle(message);
    }
  }

  /** The sender of one of our tracks. */
  sender(id: TrackId): RTCRtpSender | undefined {
    return this.#peer?.connection?.sections.sender(id);
  }

  /** Sends what is to be sent now. */
  syncMedia(): void {
    this.#peer?.syncMedia();
  }

  /** The connection is to use another configuration. */
  configure(): void {
    this.#peer?.configure();
  }

  /** The network may have changed, or the server is back. */
  check(networkChanged: boolean): void {
    this.#peer?.check(networkChanged);
  }

  /** A track is wanted otherwise. */
  wish({ id }: RemoteParticipant, publication: RemoteTrackPublication): void {
    if (this.#peer !== undefined) this.#watches.set(id, publication.id, publication.wish);
    this.look();
  }

  /** A track is gone. */
  forgetWish({ id }: RemoteParticipant, publication: RemoteTrackPublication): void {
    this.#watches.forget(id, publication.id);
  }

  /** Tells the server once all that is shown comes by the new way. */
  look(): void {
    const { topology, settled } = this.#state;
    if (settled || this.#peer === undefined) return;
    const mayCome = (kind: 'audio' | 'video') => topology === 'mesh' || this.#peer?.mayCome(kind) !== false;
    const isHere = topology === 'mesh' || this.#peer.trace.state === 'connected';
    const all = [...this.#roster.participants.values()];
    if (!isHere || !all.every((participant) => participant.comesBy(topology, mayCome))) return;
    if (this.#state.arrive()) sendAboutConnection(this.#context, { type: 'switched', topology });
  }

  /** Ends it. */
  stop(): void {
    this.#watches.stop();
    this.#peer?.close();
  }

  #decide(topology: Topology, reason: TopologyReason): void {
    const before = this.#state.topology;
    if (!this.#state.decide(topology, reason)) return;
    if (topology !== before) {
      // First all ways are sent by; nothing ends before everybody has switched.
      this.#peer?.syncMedia();
      if (topology === 'mesh') this.#roster.connect();
      for (const participant of this.#roster.participants.values()) participant.prefer(topology);
      this.#forward();
    }
    this.#context.emit('topologyChanged', topology, reason);
    this.look();
  }

  #settle(topology: Topology): void {
    if (!this.#state.settle(topology)) return;
    if (topology === 'sfu') this.#roster.disconnect();
    else {
      this.#peer?.syncMedia();
      this.#forward();
      for (const participant of this.#roster.participants.values()) participant.drop('sfu');
    }
  }

  #makePeer(forwarding: NonNullable<RoomDescription['forwarding']>): ServerPeer {
    const context = this.#context;
    const { localParticipant } = context;
    const peer = new ServerPeer({
      counts: { audio: forwarding.audioSections, video: forwarding.videoSections },
      logger: context.options.logger ?? silentLogger,
      send: (message) => sendAboutConnection(context, message),
      online: () => context.online,
      configuration: () => context.configuration,
      media: () => {
        const sends = this.#state.sends('sfu') && localParticipant.permissions.publish;
        return localParticipant.media.map((media) => (sends ? media : { ...media, track: null }));
      },
      sourceOf: (direction, name) => this.#sourceOf(direction, name),
      onmedia: () => this.#forward(),
      oninterrupted: () => context.checkLink(),
    });
    peer.trace.onquality = () => {
      for (const participant of this.#roster.participants.values()) participant.notifyUpdated();
      this.look();
    };
    return peer;
  }

  /** Gives everybody what comes of them by the server. */
  #forward(): void {
    const { topology, settled } = this.#state;
    // In a mesh nothing does, whatever sections still show.
    const forwarded = topology === 'sfu' || !settled ? (this.#peer?.forwarded ?? []) : [];
    for (const participant of this.#roster.participants.values()) {
      const theirs = forwarded.filter((each) => each.participant === participant.id);
      participant.setReceptions(new Map(theirs.map(({ track, content }) => [track, toReception(content)])));
      participant.setMedia('sfu', new Map(theirs.map(({ track, receiver }) => [track, receiver])));
    }
  }

  /** What a track is, by what the connection names its section. */
  #sourceOf(direction: string, name: string): string | undefined {
    if (direction === 'send') return this.#context.localParticipant.trackPublications.get(name)?.source;
    for (const participant of this.#roster.participants.values()) {
      if (!name.startsWith(`${participant.id}/`)) continue;
      return participant.trackPublications.get(name.slice(participant.id.length + 1))?.source;
    }
    return undefined;
  }
}

/** Whether a message is about the connection to the server rather than to a participant. */
export function isOfServer(message: { readonly from: ParticipantId }): boolean {
  return message.from === SERVER;
}

function toReception({ mid, layer, reason }: Forwarded['content']): Reception {
  return { mid, reason, ...(layer === undefined ? {} : { layer }) };
}
