import type { PeerTrace } from './peerTrace.js';
import { type StatsSummary, summarize } from './stats.js';
import { stepsBetween } from './statsSteps.js';

/** Time between looks at a connection, in milliseconds. */
const INTERVAL_MS = 1_000;
/** The same while it comes about, so that its steps get their times. */
const INTERVAL_BUSY_MS = 250;
/** How many looks are taken at the quicker pace. */
const BUSY_LOOKS_MAX = 40;

/** Measures one connection for its trace: one getStats at a time, once a second. */
export class StatsPoller {
  readonly #connection: RTCPeerConnection;
  readonly #trace: PeerTrace;
  readonly #sources: () => ReadonlyMap<string, string>;
  #previous: StatsSummary | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;
  #stopped = false;

  /** Begins at once. `sources` names tracks by direction and media section. */
  constructor(connection: RTCPeerConnection, trace: PeerTrace, sources: () => ReadonlyMap<string, string>) {
    this.#connection = connection;
    this.#trace = trace;
    this.#sources = sources;
    this.#schedule();
  }

  /** Stops for good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#looks += 1;
    const wait = this.#looks > BUSY_LOOKS_MAX ? INTERVAL_MS : INTERVAL_BUSY_MS;
    this.#timer = setTimeout(() => void this.#look(), wait);
  }

  async #look(): Promise<void> {
    try {
      const report = await this.#connection.getStats();
      if (this.#stopped) return;
      const summary = summarize(report, this.#previous, this.#sources());
      for (const { kind, code, text, data } of stepsBetween(this.#previous, summary)) {
        this.#trace.step(kind, code, text, data);
      }
      this.#previous = summary;
      this.#trace.measured(summary);
    } catch {
      // A connection that closes while it is looked at; the owner stops this poller.
    }
    if (!this.#stopped) this.#schedule();
  }
}
