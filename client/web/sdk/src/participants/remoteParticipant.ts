import type { ParticipantDescription, TrackId, TrackSource } from '../protocol.js';
import type { RoomContext } from '../roomContext.js';
import { PeerTrace } from '../trace/peerTrace.js';
import { RemoteTrackPublication } from '../tracks/publication.js';
import { RemoteTrack } from '../tracks/track.js';
import { Participant } from './participant.js';

/** The sources whose loudness `setVolume` sets. */
const VOICES: readonly TrackSource[] = ['microphone', 'other'];

/** Somebody else in the room. */
export class RemoteParticipant extends Participant {
  override readonly isLocal = false;
  /** How the connection to them came about and how it is now. */
  readonly connection = new PeerTrace();
  readonly #context: RoomContext;
  readonly #publications = new Map<TrackId, RemoteTrackPublication>();
  /** Media that is here, by the id it was announced under; a publication may come before or after. */
  #media: ReadonlyMap<TrackId, MediaStreamTrack> = new Map();
  #volume = 1;

  /** @internal */
  constructor(description: ParticipantDescription, context: RoomContext) {
    super(description);
    this.#context = context;
  }

  override get trackPublications(): ReadonlyMap<TrackId, RemoteTrackPublication> {
    return this.#publications;
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
        this.#publications.set(track.id, publication);
        this.#context.emitFor(this, 'trackPublished', publication);
      }
    }
    this.#subscribe();
  }

  /** Takes the media of its connection, all of it. @internal */
  setMedia(media: ReadonlyMap<TrackId, MediaStreamTrack>): void {
    this.#media = media;
    this.#subscribe();
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
      const media = this.permissions.publish ? this.#media.get(publication.id) : undefined;
      const track = publication.track;
      if (media === undefined || media.kind !== publication.kind) {
        if (track !== undefined && !this.permissions.publish) this.#unsubscribe(publication, track);
        // Between two connections the last picture stays: the next one puts its own media in its place.
      } else if (track !== undefined) {
        track.replace(media);
      } else {
        const volume = VOICES.includes(publication.source) ? this.#volume : 1;
        const next = new RemoteTrack(media, publication.source, this.#context.playback, volume);
        publication.setTrack(next);
        this.#context.emitFor(this, 'trackSubscribed', next, publication);
      }
    }
  }

  #unpublish(publication: RemoteTrackPublication): void {
    if (publication.track !== undefined) this.#unsubscribe(publication, publication.track);
    this.#publications.delete(publication.id);
    this.#context.emitFor(this, 'trackUnpublished', publication);
  }

  #unsubscribe(publication: RemoteTrackPublication, track: RemoteTrack): void {
    track.detach();
    publication.setTrack(undefined);
    this.#context.emitFor(this, 'trackUnsubscribed', track, publication);
  }
}
