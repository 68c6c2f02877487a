import { assessQuality } from './quality.js';
import { relayReason } from './relayReason.js';
import type { StatsSummary } from './stats.js';
import type {
  ConnectionQuality,
  PeerState,
  RelayReason,
  TraceCandidate,
  TraceDtls,
  TraceKind,
  TraceMedia,
  TracePair,
  TraceStep,
} from './types.js';

/** Steps kept; the newest. */
export const STEPS_MAX = 500;
/** Candidates kept per side. */
export const CANDIDATES_MAX = 100;
/** Time between two calls of `onchange`, in milliseconds. */
const CHANGE_INTERVAL_MS = 500;

/**
 * How the connection to one participant came about, with times, and its newest measurements. It lives as long as the
 * participant, over any number of attempts.
 */
export class PeerTrace {
  /** Called when something here changed, at most twice a second. */
  onchange?: (() => void) | undefined;
  /** Called when `quality` or `state` changed. @internal */
  onquality?: (() => void) | undefined;
  /** Called with every look at the connection. @internal */
  onmeasured?: (() => void) | undefined;
  #state: PeerState = 'new';
  #steps: TraceStep[] = [];
  #stepsDropped = 0;
  #attempts = 0;
  #began = now();
  #local: TraceCandidate[] = [];
  #remote: TraceCandidate[] = [];
  #stats: StatsSummary | undefined;
  #quality: ConnectionQuality = 'unknown';
  #pending: ReturnType<typeof setTimeout> | undefined;

  /** The state of the connection. */
  get state(): PeerState {
    return this.#state;
  }

  /** What happened, oldest first; the newest 500. */
  get steps(): readonly TraceStep[] {
    return this.#steps;
  }

  /** How many older steps were dropped. */
  get stepsDropped(): number {
    return this.#stepsDropped;
  }

  /** How many connections were begun. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The candidates of the current attempt, in the order they were found. */
  get candidates(): { readonly local: readonly TraceCandidate[]; readonly remote: readonly TraceCandidate[] } {
    return { local: this.#local, remote: this.#remote };
  }

  /** The pairs of candidates and how their checks went. */
  get pairs(): readonly TracePair[] {
    return this.#stats?.pairs ?? [];
  }

  /** The pair that media takes. */
  get selectedPair(): TracePair | undefined {
    return this.pairs.find(({ selected }) => selected);
  }

  /** The kind of path: the more indirect of the selected pair's two candidates. */
  get path(): TraceCandidate['type'] | undefined {
    const { local, remote } = this.selectedPair ?? {};
    return PATHS.findLast((type) => local?.type === type || remote?.type === type);
  }

  /** Why media takes a relay; `undefined` while it takes none. */
  get relayReason(): RelayReason | undefined {
    return relayReason(this);
  }

  /** What DTLS agreed on. */
  get dtls(): TraceDtls | undefined {
    return this.#stats?.dtls;
  }

  /** What is sent and received. */
  get media(): readonly TraceMedia[] {
    return this.#stats?.media ?? [];
  }

  /** The round trip, in milliseconds. */
  get rttMs(): number | undefined {
    return this.#stats?.rttMs;
  }

  /** What the congestion control thinks can be sent, in bits per second. */
  get availableOutgoingBps(): number | undefined {
    return this.#stats?.availableOutgoingBps;
  }

  /** The worse direction's loss of the last second or so, in percent. */
  get lossPercent(): number | undefined {
    return this.#stats?.lossPercent;
  }

  /** How good it is. */
  get quality(): ConnectionQuality {
    return this.#quality;
  }

  /** Everything known, as plain data, to be saved and sent to somebody who can help. It holds network addresses. */
  toJSON(): unknown {
    const { state, attempts, steps, stepsDropped, candidates, pairs, selectedPair, path, dtls, media, quality } = this;
    const { rttMs, availableOutgoingBps, lossPercent, relayReason } = this;
    return {
      version: 1,
      time: new Date().toISOString(),
      ...{ state, quality, path, relayReason, attempts, rttMs, availableOutgoingBps, lossPercent },
      ...{ dtls, selectedPair, candidates, pairs, media, stepsDropped, steps },
    };
  }

  /** A new attempt begins: its times count from here. @internal */
  begin(): void {
    this.#attempts += 1;
    this.#began = now();
    this.#local = [];
    this.#remote = [];
    this.#stats = undefined;
    this.#changed();
  }

  /** Notes a step. @internal */
  step(kind: TraceKind, code: string, text: string, data?: Record<string, string | number>): void {
    const at = Math.round(now() - this.#began);
    this.#steps.push({ at, time: Date.now(), kind, code, text, ...(data === undefined ? {} : { data }) });
    if (this.#steps.length > STEPS_MAX) {
      this.#steps.shift();
      this.#stepsDropped += 1;
    }
    this.#changed();
  }

  /** Notes a candidate, once. @internal */
  candidate(side: 'local' | 'remote', candidate: TraceCandidate): void {
    const list = side === 'local' ? this.#local : this.#remote;
    if (list.length >= CANDIDATES_MAX) return;
    list.push(candidate);
    const { type, protocol, address, port, url } = candidate;
    const found = side === 'local' ? 'found' : 'heard of';
    this.step('candidate', `${side}Candidate`, `${found} ${type} ${protocol} ${address}:${port}`, {
      ...{ type, protocol, address, port },
      ...(url === undefined ? {} : { url }),
    });
  }

  /** @internal */
  setState(state: PeerState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#quality = assessQuality(state, this.#stats);
    this.onquality?.();
    this.#changed();
  }

  /** Takes new measurements. @internal */
  measured(stats: StatsSummary): void {
    this.#stats = { ...stats, pairs: stats.pairs.map((pair) => this.#named(pair)) };
    this.#assess();
    this.#changed();
    this.onmeasured?.();
  }

  /** The connection has ended, and is not needed now. @internal */
  rest(): void {
    this.#stats = undefined;
    this.setState('new');
    this.#assess();
  }

  /** @internal */
  close(): void {
    this.setState('closed');
  }

  /**
   * A check that overtakes the candidate it belongs to makes that one peer-reflexive (RFC 8445 §7.3.1.3). Once the other side has
   * told it, it goes by what the other side calls it.
   */
  #named(pair: TracePair): TracePair {
    const { remote } = pair;
    if (remote?.type !== 'prflx') return pair;
    const told = this.#remote.find(
      ({ address, port, protocol }) =>
        address !== '' && address === remote.address && port === remote.port && protocol === remote.protocol,
    );
    return told === undefined ? pair : { ...pair, remote: { ...remote, type: told.type } };
  }

  #assess(): void {
    const quality = assessQuality(this.#state, this.#stats);
    if (quality === this.#quality) return;
    this.#quality = quality;
    this.onquality?.();
  }

  #changed(): void {
    this.#pending ??= setTimeout(() => {
      this.#pending = undefined;
      this.onchange?.();
    }, CHANGE_INTERVAL_MS);
  }
}

/** From the most direct to the least. */
const PATHS: readonly TraceCandidate['type'][] = ['host', 'prflx', 'srflx', 'relay'];

function now(): number {
  return performance.now();
}
