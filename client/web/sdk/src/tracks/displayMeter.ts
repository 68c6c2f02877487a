import type { PictureSize } from '../server/encodings.js';

/** Measures how large something is displayed: the largest of the elements that show it, as far as they are to be seen. */
export class DisplayMeter {
  readonly #onchange: () => void;
  readonly #elements = new Map<Element, { size: PictureSize; visible: boolean }>();
  #resizes: ResizeObserver | undefined;
  #sights: IntersectionObserver | undefined;
  #used = false;

  /** `onchange` is called whenever {@link size} may be another. */
  constructor(onchange: () => void) {
    this.#onchange = onchange;
  }

  /** In pixels of the device; `hidden` while nothing of it is to be seen; `undefined` if nobody ever showed it. */
  get size(): PictureSize | 'hidden' | undefined {
    if (!this.#used) return undefined;
    const shown = [...this.#elements.values()].filter(({ visible, size }) => visible && size.width * size.height > 0);
    if (shown.length === 0) return 'hidden';
    return {
      width: Math.max(...shown.map(({ size }) => size.width)),
      height: Math.max(...shown.map(({ size }) => size.height)),
    };
  }

  /** Measures `element` as well. */
  add(element: Element): void {
    if (this.#elements.has(element) || typeof ResizeObserver === 'undefined') return;
    this.#used = true;
    // Until it is measured, which is in a moment: better one key frame too many than a tile that stays dark.
    this.#elements.set(element, { size: sizeOf(element), visible: true });
    this.#resizes ??= new ResizeObserver((entries) =>
      this.#take(entries, (known, { target }) => {
        known.size = sizeOf(target);
      }),
    );
    this.#sights ??= new IntersectionObserver((entries) =>
      this.#take(entries, (known, { isIntersecting }) => {
        known.visible = isIntersecting;
      }),
    );
    this.#resizes.observe(element);
    this.#sights.observe(element);
    this.#onchange();
  }

  /** Measures `element` no more. */
  remove(element: Element): void {
    if (!this.#elements.delete(element)) return;
    this.#resizes?.unobserve(element);
    this.#sights?.unobserve(element);
    this.#onchange();
  }

  /** Nobody shows it, and nobody did. */
  reset(): void {
    this.#resizes?.disconnect();
    this.#sights?.disconnect();
    this.#elements.clear();
    this.#used = false;
  }

  #take<E extends { readonly target: Element }>(
    entries: readonly E[],
    note: (known: { size: PictureSize; visible: boolean }, entry: E) => void,
  ): void {
    for (const entry of entries) {
      const known = this.#elements.get(entry.target);
      if (known !== undefined) note(known, entry);
    }
    this.#onchange();
  }
}

function sizeOf({ clientWidth, clientHeight }: Element): PictureSize {
  const ratio = globalThis.devicePixelRatio ?? 1;
  return { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio) };
}
