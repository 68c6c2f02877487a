import type { TrackKind, TrackSource } from '../protocol.js';
import type { AudioPlayback } from './audioPlayback.js';
import type { DisplayMeter } from './displayMeter.js';

/** Sound or picture that can be attached to media elements. It outlives changes of the device behind it. */
export abstract class Track {
  /** Sound or picture. */
  readonly kind: TrackKind;
  /** Where it comes from. */
  readonly source: TrackSource;
  readonly #elements = new Set<HTMLMediaElement>();
  #mediaStreamTrack: MediaStreamTrack;

  /** @internal */
  protected constructor(mediaStreamTrack: MediaStreamTrack, source: TrackSource) {
    this.kind = mediaStreamTrack.kind as TrackKind;
    this.source = source;
    this.#mediaStreamTrack = mediaStreamTrack;
  }

  /** The browser's track. Another one takes its place when the device changes or the camera starts again. */
  get mediaStreamTrack(): MediaStreamTrack {
    return this.#mediaStreamTrack;
  }

  /** The elements that show or play it. */
  get attachedElements(): readonly HTMLMediaElement[] {
    return [...this.#elements];
  }

  /** Shows or plays it in `element`, or in a new one (`<video>` or `<audio>`, not yet in the page). */
  attach(element: HTMLMediaElement = document.createElement(this.kind)): HTMLMediaElement {
    element.autoplay = true;
    element.setAttribute('playsinline', '');
    // Sound has elements of its own; and browsers let a silent video start without a click.
    if (this.kind === 'video') element.muted = true;
    if (!this.#elements.has(element) || !shows(element, this.#mediaStreamTrack)) {
      element.srcObject = new MediaStream([this.#mediaStreamTrack]);
    }
    this.#elements.add(element);
    this.onAttached(element);
    return element;
  }

  /** Takes it from `element`, or from all. Returns the elements it was taken from; the page removes them. */
  detach(element?: HTMLMediaElement): HTMLMediaElement[] {
    const elements = [...this.#elements].filter((known) => element === undefined || known === element);
    for (const known of elements) {
      this.#elements.delete(known);
      if (shows(known, this.#mediaStreamTrack)) known.srcObject = null;
      this.onDetached(known);
    }
    return elements;
  }

  /** Puts another browser track in place, in every element. @internal */
  protected replaceMediaStreamTrack(next: MediaStreamTrack): void {
    this.#mediaStreamTrack = next;
    for (const element of this.#elements) element.srcObject = new MediaStream([next]);
  }

  /** @internal */
  protected onAttached(_element: HTMLMediaElement): void {}

  /** @internal */
  protected onDetached(_element: HTMLMediaElement): void {}
}

function shows(element: HTMLMediaElement, track: MediaStreamTrack): boolean {
  return element.srcObject instanceof MediaStream && element.srcObject.getTracks().includes(track);
}

/** What another participant sends. */
export class RemoteTrack extends Track {
  readonly #playback: AudioPlayback;
  readonly #meter: DisplayMeter;
  #volume: number;

  /** @internal */
  constructor(
    mediaStreamTrack: MediaStreamTrack,
    source: TrackSource,
    about: { readonly playback: AudioPlayback; readonly meter: DisplayMeter; readonly volume: number },
  ) {
    super(mediaStreamTrack, source);
    this.#playback = about.playback;
    this.#meter = about.meter;
    this.#volume = about.volume;
  }

  /** Puts what another way brings in place. Elements are without a picture until the next one of it. @internal */
  replace(next: MediaStreamTrack): void {
    if (next !== this.mediaStreamTrack) this.replaceMediaStreamTrack(next);
  }

  /** How loud it plays, 0 to 1. @internal */
  setVolume(volume: number): void {
    this.#volume = volume;
    for (const element of this.attachedElements) element.volume = volume;
  }

  protected override onAttached(element: HTMLMediaElement): void {
    if (this.kind === 'video') return this.#meter.add(element);
    element.volume = this.#volume;
    this.#playback.add(element);
  }

  protected override onDetached(element: HTMLMediaElement): void {
    if (this.kind === 'video') this.#meter.remove(element);
    else this.#playback.remove(element);
  }
}
