import type { ForwardedLayer, LayerReason, TrackDescription, TrackId, TrackKind, TrackSource } from '../protocol.js';
import type { Wish } from '../server/watches.js';
import { DisplayMeter } from './displayMeter.js';
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

/** How good the pictures of a track are wanted, whatever the size at which they are displayed. */
export type VideoQuality = 'low' | 'medium' | 'high';

/** The sizes that stand for qualities; the best is as large as there is. */
const QUALITY_SIZES: Record<VideoQuality, Pick<Wish, 'width' | 'height'>> = {
  low: { width: 320, height: 180 },
  medium: { width: 640, height: 360 },
  high: {},
};

/** What the server forwards of a track at present. */
export interface Reception {
  /** The media section of the connection to the server that carries it. */
  readonly mid: string;
  /** Which part of it; nothing, when left out. */
  readonly layer?: ForwardedLayer;
  /** Why it is not more. */
  readonly reason: LayerReason;
}

/** A source of media that another participant publishes. */
export class RemoteTrackPublication extends TrackPublication {
  /** Measures what is displayed of it. @internal */
  readonly meter = new DisplayMeter(() => this.onwish?.());
  /** It is wanted otherwise. @internal */
  onwish: (() => void) | undefined;
  #muted: boolean;
  #track: RemoteTrack | undefined;
  #reception: Reception | undefined;
  #wanted = true;
  #enabled = true;
  #quality: VideoQuality | undefined;
  /** Whether the page says itself which elements are to be measured. */
  #observed = false;

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

  /** What the server forwards of it; `undefined` where the server forwards nothing of it. */
  get reception(): Reception | undefined {
    return this.#reception;
  }

  /** Takes it, or not: nothing of what is not taken is sent here by the server. Everything is taken until this is called. */
  setSubscribed(wanted: boolean): void {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    this.onwish?.();
  }

  /** Lets the server go on sending it, or pause for as long as it is not needed. */
  setEnabled(enabled: boolean): void {
    if (this.#enabled === enabled) return;
    this.#enabled = enabled;
    this.onwish?.();
  }

  /** Wants pictures of this quality whatever their size; `undefined`: as good as they are displayed large, as at first. */
  setVideoQuality(quality: VideoQuality | undefined): void {
    this.#quality = quality;
    this.onwish?.();
  }

  /**
   * Measures `element`, which shows its pictures or will: what the server sends is as large as is needed for it, and pauses while it is
   * out of sight. Elements that its track is attached to are measured by themselves; this is for places that are there before the track.
   * Returns what ends it.
   */
  observe(element: Element): () => void {
    this.#observed = true;
    this.meter.add(element);
    return () => this.meter.remove(element);
  }

  /** How it is wanted. @internal */
  get wish(): Wish {
    const wanted = this.#wanted;
    if (this.kind === 'audio') return { wanted, paused: !this.#enabled };
    const { size } = this.meter;
    const chosen = this.#quality === undefined ? undefined : QUALITY_SIZES[this.#quality];
    const paused = !this.#enabled || (size === 'hidden' && chosen === undefined);
    return { wanted, paused, ...(paused ? {} : (chosen ?? (size === 'hidden' ? {} : size))) };
  }

  /** @internal */
  setMuted(muted: boolean): void {
    this.#muted = muted;
  }

  /** @internal */
  setTrack(track: RemoteTrack | undefined): void {
    this.#track = track;
    // What only the track was attached to says nothing about the next.
    if (track !== undefined || this.#observed) return;
    this.meter.reset();
    this.onwish?.();
  }

  /** Returns whether it is another one. @internal */
  setReception(reception: Reception | undefined): boolean {
    const changed = JSON.stringify(reception) !== JSON.stringify(this.#reception);
    this.#reception = reception;
    return changed;
  }
}
