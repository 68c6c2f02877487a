import type { TrackDescription, TrackId, TrackKind, TrackSource } from '../protocol.js';
import type { LocalTrack } from './localTrack.js';
import type { RemoteTrack, Track } from './track.js';

/** A published source of media, as the room knows it; its track may come later, or go and come. */
export abstract class TrackPublication {
  /** Unique within its participant. */
  readonly id: TrackId;
  /** Sound or picture. */
  readonly kind: TrackKind;
  /** Where it comes from. */
  readonly source: TrackSource;

  /** @internal */
  protected constructor(description: Pick<TrackDescription, 'id' | 'kind' | 'source'>) {
    this.id = description.id;
    this.kind = description.kind;
    this.source = description.source;
  }

  /** Whether it is silent or dark for now. */
  abstract get isMuted(): boolean;

  /** The media itself, once it is here. */
  abstract get track(): Track | undefined;
}

/** A source of media that this participant publishes. */
export class LocalTrackPublication extends TrackPublication {
  readonly #track: LocalTrack;

  /** @internal */
  constructor(id: TrackId, track: LocalTrack) {
    super({ id, kind: track.kind, source: track.source });
    this.#track = track;
  }

  override get isMuted(): boolean {
    return this.#track.isMuted;
  }

  override get track(): LocalTrack {
    return this.#track;
  }

  /** How it is announced. @internal */
  describe(): TrackDescription {
    return { id: this.id, kind: this.kind, source: this.source, muted: this.isMuted };
  }
}

/** A source of media that another participant publishes. */
export class RemoteTrackPublication extends TrackPublication {
  #muted: boolean;
  #track: RemoteTrack | undefined;

  /** @internal */
  constructor(description: TrackDescription) {
    super(description);
    this.#muted = description.muted;
  }

  override get isMuted(): boolean {
    return this.#muted;
  }

  override get track(): RemoteTrack | undefined {
    return this.#track;
  }

  /** Whether its media is here. */
  get isSubscribed(): boolean {
    return this.#track !== undefined;
  }

  /** @internal */
  setMuted(muted: boolean): void {
    this.#muted = muted;
  }

  /** @internal */
  setTrack(track: RemoteTrack | undefined): void {
    this.#track = track;
  }
}
