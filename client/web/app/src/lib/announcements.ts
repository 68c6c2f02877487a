/** Decides what a screen reader is told and when, so that a lively room does not drown out everything else. */

/** The least time between two announcements, in milliseconds. */
export const ANNOUNCE_INTERVAL_MS = 2000;
/** How many waiting announcements are read in full; more are only counted. */
export const ANNOUNCE_BATCH_MAX = 3;

/** A queue of things to say. Time comes in by argument. */
export class AnnouncementQueue {
  #waiting: string[] = [];
  #omitted = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** Adds something to say. */
  push(text: string): void {
    if (this.#waiting.length < ANNOUNCE_BATCH_MAX) this.#waiting.push(text);
    else this.#omitted += 1;
  }

  /** How long until something is to be said, in milliseconds, or `undefined` when nothing waits. */
  delay(now: number): number | undefined {
    if (this.#waiting.length === 0) return undefined;
    return Math.max(0, this.#lastAt + ANNOUNCE_INTERVAL_MS - now);
  }

  /** Everything that waits, as one text; `more` words the number of those left out. */
  take(now: number, more: (count: number) => string): string {
    const parts = this.#omitted > 0 ? [...this.#waiting, more(this.#omitted)] : this.#waiting;
    this.#waiting = [];
    this.#omitted = 0;
    this.#lastAt = now;
    return parts.join('. ');
  }
}
