/** Tells speech from a cough or a slammed door by how long it is loud. */

/** The level above which it may be speech: 36 dB below full scale, well above a quiet room. */
export const TALK_LEVEL_MIN = 0.4;
/** How many of the newest readings are looked at. */
export const TALK_WINDOW = 15;
/** How many of these have to be loud. */
export const TALK_LOUD_MIN = 8;

/** Looks at the newest levels of a microphone. */
export class TalkDetector {
  readonly #loud: boolean[] = [];

  /** Takes a reading; returns whether somebody is talking. */
  push(level: number): boolean {
    this.#loud.push(level >= TALK_LEVEL_MIN);
    if (this.#loud.length > TALK_WINDOW) this.#loud.shift();
    return this.#loud.filter(Boolean).length >= TALK_LOUD_MIN;
  }
}
