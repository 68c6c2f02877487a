import type { PeerTrace, TraceMedia } from 'moim-client';

/** One look at a connection. */
export interface TraceSample {
  readonly rttMs: number | undefined;
  readonly lossPercent: number | undefined;
  readonly receiveBps: number;
  readonly sendBps: number;
}

/** How many samples are kept of each connection: two minutes. */
export const TRACE_SAMPLES_MAX = 120;
/** Time between two samples, in milliseconds. */
const SAMPLE_INTERVAL_MS = 1000;

/** The recent past of every connection of a call, for its little charts. */
export class TraceHistory {
  readonly #samples = new WeakMap<PeerTrace, TraceSample[]>();
  readonly #lastAt = new WeakMap<PeerTrace, number>();

  /** Notes how a connection is at `now`, unless it just did. */
  record(connection: PeerTrace, now: number): void {
    if (now - (this.#lastAt.get(connection) ?? Number.NEGATIVE_INFINITY) < SAMPLE_INTERVAL_MS * 0.8) return;
    this.#lastAt.set(connection, now);
    const samples = this.#samples.get(connection) ?? [];
    samples.push({
      rttMs: connection.rttMs,
      lossPercent: connection.lossPercent,
      receiveBps: totalBps(connection.media, 'receive'),
      sendBps: totalBps(connection.media, 'send'),
    });
    if (samples.length > TRACE_SAMPLES_MAX) samples.shift();
    this.#samples.set(connection, samples);
  }

  /** What is known of a connection, oldest first. */
  of(connection: PeerTrace): readonly TraceSample[] {
    return this.#samples.get(connection) ?? [];
  }
}

/** The sum of one direction's bit rates. */
export function totalBps(media: readonly TraceMedia[], direction: 'send' | 'receive'): number {
  return media.filter((item) => item.direction === direction).reduce((sum, item) => sum + (item.bitrateBps ?? 0), 0);
}
