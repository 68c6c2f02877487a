/** Tells the server how large the tracks of others are displayed here: what changed, and not too often. */
import type { ParticipantId, TrackId, TrackWatch } from '../protocol.js';

/** The least time between two messages, in milliseconds. */
const INTERVAL_MS = 300;
/** The most tracks that one message names. */
const WATCHES_MAX = 100;

/** How one track is wanted. */
export type Wish = Omit<TrackWatch, 'participant' | 'track'>;

/** How a track is wanted that nothing has been said about. */
export const DEFAULT_WISH: Wish = { wanted: true, paused: false };

/** What the server knows of the wishes of this side. */
export class Watches {
  readonly #send: (watches: TrackWatch[]) => void;
  readonly #wishes = new Map<string, TrackWatch>();
  readonly #told = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` gets what changed. */
  constructor(send: (watches: TrackWatch[]) => void) {
    this.#send = send;
  }

  /** From now on the track is wanted so. */
  set(participant: ParticipantId, track: TrackId, wish: Wish): void {
    const key = `${participant} ${track}`;
    this.#wishes.set(key, { participant, track, ...wish });
    if (this.#isNews(key, wish)) this.#timer ??= setTimeout(() => this.#tell(), INTERVAL_MS);
  }

  /** The track is gone, at the server as well. */
  forget(participant: ParticipantId, track: TrackId): void {
    const key = `${participant} ${track}`;
    this.#wishes.delete(key);
    this.#told.delete(key);
  }

  /** Tells nothing any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wishes.clear();
    this.#told.clear();
  }

  #tell(): void {
    this.#timer = undefined;
    const changed: TrackWatch[] = [];
    for (const [key, watch] of this.#wishes) {
      if (!this.#isNews(key, watch)) continue;
      this.#told.set(key, summary(watch));
      changed.push(watch);
    }
    for (let at = 0; at < changed.length; at += WATCHES_MAX) this.#send(changed.slice(at, at + WATCHES_MAX));
  }

  #isNews(key: string, wish: Wish): boolean {
    return summary(wish) !== (this.#told.get(key) ?? summary(DEFAULT_WISH));
  }
}

function summary({ wanted, paused, width, height, priority }: Wish): string {
  return [wanted, paused, width, height, priority].join();
}
