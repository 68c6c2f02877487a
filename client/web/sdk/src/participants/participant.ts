import { Emitter } from '../events.js';
import type {
  LinkState,
  ParticipantDescription,
  ParticipantId,
  Permissions,
  TrackId,
  TrackSource,
} from '../protocol.js';
import type { LocalTrackPublication, RemoteTrackPublication, TrackPublication } from '../tracks/publication.js';
import type { RemoteTrack } from '../tracks/track.js';

/** What happens to one participant; the room's events of the same names tell it of all. */
export interface ParticipantEvents {
  /** Its name, metadata, permissions, link or connection quality changed. */
  participantUpdated(): void;
  /** It begins or ends being among the active speakers. */
  speakingChanged(speaking: boolean): void;
  /** It announced a track. */
  trackPublished(publication: RemoteTrackPublication): void;
  /** A track is gone. */
  trackUnpublished(publication: RemoteTrackPublication): void;
  /** A track's media is here. */
  trackSubscribed(track: RemoteTrack, publication: RemoteTrackPublication): void;
  /** A track's media is here no more. */
  trackUnsubscribed(track: RemoteTrack, publication: RemoteTrackPublication): void;
  /** A track went silent or dark. */
  trackMuted(publication: TrackPublication): void;
  /** A track sounds or shows again. */
  trackUnmuted(publication: TrackPublication): void;
  /** The server forwards another part of a track, or for another reason; see `publication.reception`. */
  trackReceptionChanged(publication: RemoteTrackPublication): void;
  /** This participant published a track. */
  localTrackPublished(publication: LocalTrackPublication): void;
  /** This participant's track is gone. */
  localTrackUnpublished(publication: LocalTrackPublication): void;
}

const NO_PERMISSIONS: Permissions = { publish: false, subscribe: false, data: false, admin: false };

/** Somebody in the room. */
export abstract class Participant extends Emitter<ParticipantEvents> {
  /** Whether it is this one. */
  abstract readonly isLocal: boolean;
  /** When it was first seen here. */
  readonly joinedAt: Date = new Date();
  #description: ParticipantDescription;
  #speaking = false;
  #audioLevel = 0;

  /** @internal */
  protected constructor(description?: ParticipantDescription) {
    super();
    this.#description = description ?? { id: '', name: '', permissions: NO_PERMISSIONS, tracks: [], link: 'connected' };
  }

  /** Made by the server, and never used again. Empty for the local participant before it joined. */
  get id(): ParticipantId {
    return this.#description.id;
  }

  /** The identity that a token vouches for; absent in open mode. */
  get identity(): string | undefined {
    return this.#description.identity;
  }

  /** What to call them. */
  get name(): string {
    return this.#description.name;
  }

  /** Text for the application's own use. */
  get metadata(): string | undefined {
    return this.#description.metadata;
  }

  /** What they may do. */
  get permissions(): Permissions {
    return this.#description.permissions;
  }

  /** Whether the server can reach them just now. Their media may well go on while it cannot. */
  get link(): LinkState {
    return this.#description.link;
  }

  /** Whether they speak. */
  get isSpeaking(): boolean {
    return this.#speaking;
  }

  /** How loud they are, 0 to 1. */
  get audioLevel(): number {
    return this.#audioLevel;
  }

  /** What they publish, by id. */
  abstract get trackPublications(): ReadonlyMap<TrackId, TrackPublication>;

  /** What they publish of one source. */
  getTrackPublication(source: TrackSource): TrackPublication | undefined {
    for (const publication of this.trackPublications.values()) {
      if (publication.source === source) return publication;
    }
    return undefined;
  }

  /** Whether their microphone is published and not muted. */
  get isMicrophoneEnabled(): boolean {
    return this.getTrackPublication('microphone')?.isMuted === false;
  }

  /** Whether their camera is published and not muted. */
  get isCameraEnabled(): boolean {
    return this.getTrackPublication('camera')?.isMuted === false;
  }

  /** Whether they share a screen. */
  get isScreenShareEnabled(): boolean {
    return this.getTrackPublication('screenShare')?.isMuted === false;
  }

  /** Takes a new description. Returns whether anything but the tracks differs. @internal */
  describe(next: ParticipantDescription): boolean {
    const summary = ({ tracks: _tracks, ...rest }: ParticipantDescription) => JSON.stringify(rest);
    const changed = summary(this.#description) !== summary(next);
    this.#description = next;
    return changed;
  }

  /** Tells of something that happened to it. @internal */
  emitOwn<E extends keyof ParticipantEvents>(event: E, ...args: Parameters<ParticipantEvents[E]>): void {
    this.emit(event, ...args);
  }

  /** @internal */
  setSpeaking(speaking: boolean, audioLevel: number): void {
    this.#audioLevel = audioLevel;
    if (this.#speaking === speaking) return;
    this.#speaking = speaking;
    this.emit('speakingChanged', speaking);
  }
}
