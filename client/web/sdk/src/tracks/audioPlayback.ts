import { toDeviceError } from '../devices.js';

/** An element that can play through a chosen output device (not every browser has it). */
type SinkElement = HTMLMediaElement & { setSinkId?: (id: string) => Promise<void> };

/** All audio elements of a room: their output device, and whether the autoplay policy lets them play. */
export class AudioPlayback {
  readonly #elements = new Set<SinkElement>();
  readonly #blocked = new Set<SinkElement>();
  readonly #onchange: () => void;
  #sinkId = '';

  /** `onchange` is called when {@link allowed} changed. */
  constructor(onchange: () => void) {
    this.#onchange = onchange;
  }

  /** Whether no element is kept silent by the autoplay policy. */
  get allowed(): boolean {
    return this.#blocked.size === 0;
  }

  /** The chosen output device; an empty string is the system's own choice. */
  get sinkId(): string {
    return this.#sinkId;
  }

  /** Plays an element, through the chosen device. */
  add(element: SinkElement): void {
    this.#elements.add(element);
    if (this.#sinkId !== '') void element.setSinkId?.(this.#sinkId).catch(() => undefined);
    void this.#play(element);
  }

  /** Forgets an element. */
  remove(element: SinkElement): void {
    this.#elements.delete(element);
    this.#setBlocked(element, false);
  }

  /** Plays what was blocked; works from within a click or key press. */
  async start(): Promise<void> {
    await Promise.all([...this.#elements].map((element) => this.#play(element)));
  }

  /** Chooses the output device for elements of now and later. Rejects with {@link MediaDeviceError}. */
  async setSinkId(id: string): Promise<void> {
    try {
      await Promise.all([...this.#elements].map((element) => element.setSinkId?.(id)));
    } catch (error) {
      throw toDeviceError(error, 'speaker');
    }
    this.#sinkId = id;
  }

  async #play(element: SinkElement): Promise<void> {
    try {
      await element.play();
      this.#setBlocked(element, false);
    } catch (error) {
      // Any other failure (AbortError: a new source came in between) is not the policy's.
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#setBlocked(element, true);
    }
  }

  #setBlocked(element: SinkElement, blocked: boolean): void {
    const before = this.allowed;
    if (blocked && this.#elements.has(element)) this.#blocked.add(element);
    else this.#blocked.delete(element);
    if (this.allowed !== before) this.#onchange();
  }
}
