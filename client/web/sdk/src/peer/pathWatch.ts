/** Judges a direct path, for the server to decide about the topology by. Pure. */
import type { PathState } from '../protocol.js';

/** Beyond either of these a path is poor. Round trip in milliseconds, loss in percent. */
const POOR = { rttMs: 800, lossPercent: 10 };
/** How long a path is poor, or good again, before it is told, in milliseconds. */
const PATIENCE_MS = 10_000;

/** What is measured of a path. */
export interface PathMeasures {
  readonly rttMs: number | undefined;
  readonly lossPercent: number | undefined;
}

/** Follows one path, and tells when it is another than was told; `good` is what goes without saying. */
export class PathWatch {
  readonly #tell: (state: PathState) => void;
  #told: PathState = 'good';
  #found = false;
  /** Since when measurements say otherwise than what was told, in milliseconds. */
  #since: number | undefined;

  /** `tell` gets every change. */
  constructor(tell: (state: PathState) => void) {
    this.#tell = tell;
  }

  /** There is a path, or it turned out that there is none. */
  found(found: boolean): void {
    this.#found = found;
    this.#since = undefined;
    this.#become(found ? 'good' : 'absent');
  }

  /** The path was measured. */
  measured({ rttMs = 0, lossPercent = 0 }: PathMeasures, nowMs: number): void {
    if (!this.#found) return;
    const isPoor = rttMs > POOR.rttMs || lossPercent > POOR.lossPercent;
    if (isPoor === (this.#told === 'poor')) {
      this.#since = undefined;
      return;
    }
    this.#since ??= nowMs;
    if (nowMs - this.#since < PATIENCE_MS) return;
    this.#since = undefined;
    this.#become(isPoor ? 'poor' : 'good');
  }

  #become(state: PathState): void {
    if (state === this.#told) return;
    this.#told = state;
    this.#tell(state);
  }
}
