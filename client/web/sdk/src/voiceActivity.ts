/** Who speaks, from levels alone. Pure: levels and times in, a list out. */

/** Above this level somebody begins to speak; below the second, they are silent. Both are linear, 0 to 1. */
const LEVEL_BEGIN = 0.015;
const LEVEL_END = 0.008;
/** How long silence lasts before somebody is taken to have stopped, in milliseconds: longer than a breath. */
const SILENCE_MS = 1_200;
/** How much of the level before goes into the next. */
const SMOOTHING = 0.7;
/** Somebody has to be louder by this factor to come before somebody else who was before them. */
const OVERTAKING = 1.5;

interface Voice<K> {
  readonly key: K;
  level: number;
  lastHeard: number;
}

/** Follows the loudness of several speakers. */
export class VoiceActivity<K> {
  #voices: Voice<K>[] = [];

  /** Takes the levels of everybody who could speak. Returns who does, loudest first, in an order that does not flap. */
  update(levels: ReadonlyMap<K, number>, nowMs: number): { speakers: K[]; levels: Map<K, number> } {
    this.#voices = this.#voices.filter(({ key }) => levels.has(key));
    for (const [key, level] of levels) {
      let voice = this.#voices.find((known) => known.key === key);
      if (voice === undefined) {
        voice = { key, level: 0, lastHeard: Number.NEGATIVE_INFINITY };
        this.#voices.push(voice);
      }
      voice.level = Math.max(level, voice.level * SMOOTHING);
      const speaks = nowMs - voice.lastHeard < SILENCE_MS;
      if (voice.level >= (speaks ? LEVEL_END : LEVEL_BEGIN)) voice.lastHeard = nowMs;
    }
    this.#sort();
    return {
      speakers: this.#voices.filter(({ lastHeard }) => nowMs - lastHeard < SILENCE_MS).map(({ key }) => key),
      levels: new Map(this.#voices.map(({ key, level }) => [key, level])),
    };
  }

  #sort(): void {
    const voices = this.#voices;
    for (let end = 1; end < voices.length; end += 1) {
      for (let at = end; at > 0; at -= 1) {
        const [before, after] = [voices[at - 1], voices[at]];
        if (before === undefined || after === undefined || after.level <= before.level * OVERTAKING) break;
        voices[at - 1] = after;
        voices[at] = before;
      }
    }
  }
}
