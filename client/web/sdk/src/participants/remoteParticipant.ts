import type { ParticipantDescription, Topology, TrackId, TrackKind, TrackSource } from '../protocol.js';
import type { RoomContext } from '../roomContext.js';
import { PeerTrace } from '../trace/peerTrace.js';
import type { ConnectionQuality, PeerState } from '../trace/types.js';
import { Proof } from '../tracks/proof.js';
import { type Reception, RemoteTrackPublication } from '../tracks/publication.js';
import { RemoteTrack } from '../tracks/track.js';
import { Participant } from './participant.js';

/** The sources whose loudness `setVolume` sets. */
const VOICES: readonly TrackSource[] = ['microphone', 'other'];

/** Media that is here, by the id it was announced under. */
type Media = ReadonlyMap<TrackId, RTCRtpReceiver>;

/** Somebody else in the room. */
export class RemoteParticipant extends Participant {
  override readonly isLocal = false;
  /** How the direct connection to them came about and how it is now. Where media goes by the server, there is none. */
  readonly connection = new PeerTrace();
  readonly #context: RoomContext;
  readonly #publications = new Map<TrackId, RemoteTrackPublication>();
  /** Media that is here by each way; a publication may come before or after. */
  readonly #media: Record<Topology, Media> = { mesh: new Map(), sfu: new Map() };
  /** Of each publication, whether media comes in truth by the way that is preferred. */
  readonly #proofs = new Map<TrackId, Proof>();
  #receptions: ReadonlyMap<TrackId, Reception> = new Map();
  /** The way by which media is to come. */
  #way: Topology = 'mesh';
  #volume = 1;

  /** @internal */
  constructor(description: ParticipantDescription, context: RoomContext) {
    super(description);
    this.#context = context;
  }

  override get trackPublications(): ReadonlyMap<TrackId, RemoteTrackPublication> {
    return this.#publications;
  }

  override getTrackPublication(source: TrackSource): RemoteTrackPublication | undefined {
    return super.getTrackPublication(source) as RemoteTrackPublication | undefined;
  }

  /** How the way is by which their media comes: the direct connection, or the one to the server. */
  get connectionState(): PeerState {
    const states = [this.#trace(this.#way).state];
    // While the way changes, media goes on by the one before.
    if (this.#way === 'sfu' && this.#media.mesh.size > 0) states.push(this.connection.state);
    if (this.#way === 'mesh' && this.#media.sfu.size > 0) states.push(this.#trace('sfu').state);
    return states.includes('connected') ? 'connected' : (states[0] ?? 'new');
  }

  /** How good what comes of them is: as the connection, and poor where it does not carry what is wanted. */
  get connectionQuality(): ConnectionQuality {
    const { quality } = this.#trace(this.#way);
    if (this.#way === 'mesh' || quality === 'lost' || quality === 'unknown') return quality;
    return [...this.#receptions.values()].some(({ reason }) => reason === 'bandwidth') ? 'poor' : quality;
  }

  /** How loud their voice plays here, 0 to 1. */
  setVolume(volume: number): void {
    this.#volume = Math.min(1, Math.max(0, volume));
    for (const publication of this.#publications.values()) {
      if (VOICES.includes(publication.source)) publication.track?.setVolume(this.#volume);
    }
  }

  /** Takes what the server says, and tells of every difference. @internal */
  update(next: ParticipantDescription): void {
    if (this.describe(next)) this.notifyUpdated();
    const announced = new Map(next.tracks.map((track) => [track.id, track]));
    for (const publication of this.#publications.values()) {
      const track = announced.get(publication.id);
      // The same id may come back as something else: one publication has ended and another begun.
      if (track?.kind !== publication.kind || track.source !== publication.source) this.#unpublish(publication);
    }
    for (const track of announced.values()) {
      const known = this.#publications.get(track.id);
      if (known !== undefined) {
        if (known.isMuted === track.muted) continue;
        known.setMuted(track.muted);
        this.#context.emitFor(this, track.muted ? 'trackMuted' : 'trackUnmuted', known);
      } else {
        const publication = new RemoteTrackPublication(track);
        publication.onwish = () => this.#wish(publication);
        publication.setReception(this.#receptions.get(track.id));
        this.#publications.set(track.id, publication);
        this.#context.emitFor(this, 'trackPublished', publication);
      }
    }
    this.#subscribe();
  }

  /** Takes the media that comes by a way, all of it. @internal */
  setMedia(way: Topology, media: Media): void {
    this.#media[way] = media;
    this.#subscribe();
  }

  /** Media is to come by this way. What comes by the other goes on until the same has come by this one. @internal */
  prefer(way: Topology): void {
    if (way === this.#way) return;
    this.#way = way;
    this.#subscribe();
    this.notifyUpdated();
  }

  /** A way has ended for good: what came by it alone is here no more. @internal */
  drop(way: Topology): void {
    this.#media[way] = new Map();
    for (const publication of this.#publications.values()) {
      const { track } = publication;
      if (track !== undefined && this.#candidate(publication) === undefined) this.#unsubscribe(publication, track);
    }
    this.#subscribe();
  }

  /** Takes what the server says that it forwards. @internal */
  setReceptions(receptions: ReadonlyMap<TrackId, Reception>): void {
    this.#receptions = receptions;
    const before = this.connectionQuality;
    for (const publication of this.#publications.values()) {
      if (publication.setReception(receptions.get(publication.id))) {
        this.#context.emitFor(this, 'trackReceptionChanged', publication);
      }
    }
    if (this.connectionQuality !== before) this.notifyUpdated();
  }

  /**
   * Whether all that is to be seen and heard of them comes by a way. `mayCome`: whether what has not come yet by it still may. @internal
   */
  comesBy(way: Topology, mayCome: (kind: TrackKind) => boolean): boolean {
    return [...this.#publications.values()].every((publication) => {
      const { wanted, paused } = publication.wish;
      if (publication.isMuted || !wanted || paused || !this.permissions.publish) return true;
      const receiver = this.#media[way].get(publication.id);
      if (receiver === undefined) return !mayCome(publication.kind);
      if (this.#isHeld(publication.id, publication.kind)) return false;
      const proof = this.#proofs.get(publication.id);
      return proof?.receiver === receiver && proof.proven;
    });
  }

  /** The receiver of one of their tracks. @internal */
  receiver(id: TrackId): RTCRtpReceiver | undefined {
    return this.#media[this.#way].get(id) ?? this.#media.mesh.get(id) ?? this.#media.sfu.get(id);
  }

  /** Its name, metadata, permissions, link or connection quality changed. @internal */
  notifyUpdated(): void {
    this.emit('participantUpdated');
    this.#context.emit('participantUpdated', this);
  }

  /** Ends all of its tracks. @internal */
  close(): void {
    for (const publication of this.#publications.values()) this.#unpublish(publication);
    this.connection.close();
  }

  /** Joins publications and media: a track is subscribed once both are here and the participant may publish. */
  #subscribe(): void {
    for (const publication of this.#publications.values()) {
      const receiver = this.#candidate(publication);
      const { track } = publication;
      this.#prove(publication, receiver);
      if (receiver === undefined) {
        if (track !== undefined && !this.#mayRest(publication, track)) this.#unsubscribe(publication, track);
      } else if (track === undefined) {
        const volume = VOICES.includes(publication.source) ? this.#volume : 1;
        const about = { playback: this.#context.playback, meter: publication.meter, volume };
        const next = new RemoteTrack(receiver.track, publication.source, about);
        publication.setTrack(next);
        this.#context.emitFor(this, 'trackSubscribed', next, publication);
      } else if (track.mediaStreamTrack !== receiver.track && this.#mayReplace(publication, track)) {
        track.replace(receiver.track);
      }
    }
    this.#context.mediaChanged();
  }

  /** The media to show: by the way that is preferred, or else by the other. */
  #candidate({ id, kind, wish }: RemoteTrackPublication): RTCRtpReceiver | undefined {
    if (!this.permissions.publish || !wish.wanted) return undefined;
    const other = this.#way === 'mesh' ? 'sfu' : 'mesh';
    const ways: Topology[] = this.#isHeld(id, kind) ? [other, this.#way] : [this.#way, other];
    return ways.map((way) => this.#media[way].get(id)).find((receiver) => receiver?.track.kind === kind);
  }

  /** Whether the server has a picture and sends nothing of it just now: then the direct one, if there still is one, is better. */
  #isHeld(id: TrackId, kind: TrackKind): boolean {
    if (this.#way !== 'sfu' || kind !== 'video') return false;
    const reception = this.#receptions.get(id);
    return reception !== undefined && reception.layer === undefined;
  }

  /** Whether a track without media may stay: between two connections its last picture does. */
  #mayRest({ wish }: RemoteTrackPublication, { mediaStreamTrack }: RemoteTrack): boolean {
    return this.permissions.publish && wish.wanted && mediaStreamTrack.readyState === 'ended';
  }

  /** Whether other media may take the place of what is shown: once some of it has come, so that nothing is dark or silent in between. */
  #mayReplace(publication: RemoteTrackPublication, { mediaStreamTrack }: RemoteTrack): boolean {
    if (publication.isMuted || this.#proofs.get(publication.id)?.proven) return true;
    const isOurs = [this.#media.mesh, this.#media.sfu].some(
      (media) => media.get(publication.id)?.track === mediaStreamTrack,
    );
    // A section that shows somebody else by now.
    return !isOurs && mediaStreamTrack.readyState !== 'ended';
  }

  /** Watches whether media comes in truth. */
  #prove(publication: RemoteTrackPublication, receiver: RTCRtpReceiver | undefined): void {
    const { id } = publication;
    const known = this.#proofs.get(id);
    if (known?.receiver === receiver) return;
    known?.stop();
    this.#proofs.delete(id);
    if (receiver !== undefined) this.#proofs.set(id, new Proof(receiver, () => this.#subscribe()));
  }

  #wish(publication: RemoteTrackPublication): void {
    this.#context.wish(this, publication);
    if (publication.wish.wanted !== publication.isSubscribed) this.#subscribe();
  }

  #unpublish(publication: RemoteTrackPublication): void {
    publication.onwish = undefined;
    if (publication.track !== undefined) this.#unsubscribe(publication, publication.track);
    this.#prove(publication, undefined);
    this.#publications.delete(publication.id);
    this.#context.forgetWish(this, publication);
    this.#context.emitFor(this, 'trackUnpublished', publication);
  }

  #unsubscribe(publication: RemoteTrackPublication, track: RemoteTrack): void {
    track.detach();
    publication.setTrack(undefined);
    this.#context.emitFor(this, 'trackUnsubscribed', track, publication);
  }

  #trace(way: Topology): PeerTrace {
    return way === 'mesh' ? this.connection : (this.#context.serverConnection ?? this.connection);
  }
}
