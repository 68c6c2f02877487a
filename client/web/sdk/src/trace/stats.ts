/** Turns getStats reports (W3C webrtc-stats) into what a connection's trace shows. Pure: reports in, summaries out. */
import type { TraceCandidate, TraceDtls, TraceMedia, TracePair } from './types.js';

/** Candidate pairs shown; browsers prune theirs as well. */
export const PAIRS_MAX = 100;
/** A pair that had this many checks unanswered is said to get no response. */
const UNANSWERED_CHECKS = 4;

/** One entry of a report. Fields differ by type, browser and version, so each is looked at before it is used. */
type Entry = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly type: string;
  readonly timestamp: number;
};

/** Anything that can be walked like an `RTCStatsReport`. */
export interface Report {
  /** Calls `visit` with each entry. */
  forEach(visit: (entry: unknown) => void): void;
}

/** What one look at a connection tells. */
export interface StatsSummary {
  /** All pairs of candidates. */
  readonly pairs: readonly TracePair[];
  /** DTLS, once there is a transport. */
  readonly dtls?: TraceDtls;
  /** Every track in each direction. */
  readonly media: readonly TraceMedia[];
  /** Round trip in milliseconds. */
  readonly rttMs?: number;
  /** Congestion control's estimate, in bits per second. */
  readonly availableOutgoingBps?: number;
  /** The worse direction's loss since the report before, in percent. */
  readonly lossPercent?: number;
  /** Counters to compare with the next report. */
  readonly counters: ReadonlyMap<string, Counters>;
}

interface Counters {
  readonly timestamp: number;
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
}

/**
 * Summarises a report; rates and losses are those since `previous`. `sources` names published tracks by direction and
 * media section (`send 0`); sections that carry none are left out, though browsers probe the bandwidth on them.
 */
export function summarize(
  report: Report,
  previous: StatsSummary | undefined,
  sources: ReadonlyMap<string, string>,
): StatsSummary {
  const entries = new Map<string, Entry>();
  report.forEach((entry) => {
    const known = entry as Entry;
    entries.set(known.id, known);
  });
  const counters = new Map<string, Counters>();
  const transport = find(entries, 'transport');
  const selectedId = selectedPairId(entries, transport);
  const pairs = [...entries.values()]
    .filter(({ type }) => type === 'candidate-pair')
    .slice(0, PAIRS_MAX)
    .map((pair) => toPair(pair, entries, pair.id === selectedId));
  const media = [...entries.values()].flatMap((entry) => {
    const rtp = toMedia(entry, entries, previous, counters, sources);
    return rtp === undefined ? [] : [rtp];
  });
  const selected = pairs.find((pair) => pair.selected);
  const losses = media.flatMap(({ lossPercent }) => (lossPercent === undefined ? [] : [lossPercent]));
  const dtls = transport === undefined ? undefined : toDtls(transport);
  const available = number(entries.get(selectedId ?? ''), 'availableOutgoingBitrate');
  return {
    pairs,
    media,
    counters,
    ...optional('dtls', dtls),
    ...optional('rttMs', selected?.rttMs),
    ...optional('availableOutgoingBps', available),
    ...optional('lossPercent', losses.length === 0 ? undefined : Math.max(...losses)),
  };
}

/** Firefox has no `transport` entry in some versions, and marks the pair itself. */
function selectedPairId(entries: ReadonlyMap<string, Entry>, transport: Entry | undefined): string | undefined {
  const named = text(transport, 'selectedCandidatePairId');
  if (named !== undefined) return named;
  const pairs = [...entries.values()].filter(({ type }) => type === 'candidate-pair');
  const marked =
    pairs.find((pair) => pair['selected'] === true) ??
    pairs.find((pair) => pair['nominated'] === true && pair['state'] === 'succeeded');
  return marked?.id;
}

function toPair(pair: Entry, entries: ReadonlyMap<string, Entry>, selected: boolean): TracePair {
  const rtt = number(pair, 'currentRoundTripTime');
  const requestsSent = number(pair, 'requestsSent') ?? 0;
  const responsesReceived = number(pair, 'responsesReceived') ?? 0;
  const state = text(pair, 'state') ?? 'unknown';
  const failure: TracePair['failure'] | undefined =
    responsesReceived > 0 || state === 'succeeded'
      ? undefined
      : requestsSent >= UNANSWERED_CHECKS
        ? 'noResponse'
        : state === 'failed'
          ? 'checksFailed'
          : undefined;
  return {
    id: pair.id,
    ...optional('local', toCandidate(entries.get(text(pair, 'localCandidateId') ?? ''))),
    ...optional('remote', toCandidate(entries.get(text(pair, 'remoteCandidateId') ?? ''))),
    state,
    nominated: pair['nominated'] === true,
    selected,
    ...optional('rttMs', rtt === undefined ? undefined : Math.round(rtt * 1e5) / 100),
    requestsSent,
    responsesReceived,
    ...optional('failure', failure),
  };
}

function toCandidate(entry: Entry | undefined): TraceCandidate | undefined {
  if (entry === undefined) return undefined;
  return {
    type: (text(entry, 'candidateType') ?? 'host') as TraceCandidate['type'],
    protocol: text(entry, 'protocol') ?? 'udp',
    address: text(entry, 'address') ?? text(entry, 'ip') ?? '',
    port: number(entry, 'port') ?? 0,
    ...optional('relayProtocol', text(entry, 'relayProtocol')),
    ...optional('url', text(entry, 'url')),
    ...optional('priority', number(entry, 'priority')),
  };
}

/** DTLS versions as getStats writes them: the two bytes of the protocol version. */
const DTLS_VERSIONS: Record<string, string> = { FEFF: '1.0', FEFD: '1.2', FEFC: '1.3' };

function toDtls(transport: Entry): TraceDtls {
  const version = text(transport, 'tlsVersion');
  return {
    state: text(transport, 'dtlsState') ?? 'unknown',
    ...optional('version', version === undefined ? undefined : (DTLS_VERSIONS[version.toUpperCase()] ?? version)),
    ...optional('cipher', text(transport, 'dtlsCipher')),
    ...optional('srtpCipher', text(transport, 'srtpCipher')),
    ...optional('role', text(transport, 'dtlsRole')),
  };
}

function toMedia(
  rtp: Entry,
  entries: ReadonlyMap<string, Entry>,
  previous: StatsSummary | undefined,
  counters: Map<string, Counters>,
  sources: ReadonlyMap<string, string>,
): TraceMedia | undefined {
  if (rtp.type !== 'inbound-rtp' && rtp.type !== 'outbound-rtp') return undefined;
  const kind = text(rtp, 'kind');
  if (kind !== 'audio' && kind !== 'video') return undefined;
  const sending = rtp.type === 'outbound-rtp';
  const direction = sending ? 'send' : 'receive';
  const mid = text(rtp, 'mid') ?? '';
  const source = sources.get(`${direction} ${mid}`);
  if (source === undefined) return undefined;
  // What was lost on the way out is known by the other side's receiver reports.
  const remote = sending ? entries.get(text(rtp, 'remoteId') ?? '') : undefined;
  const bytes = number(rtp, sending ? 'bytesSent' : 'bytesReceived') ?? 0;
  const packets = number(rtp, sending ? 'packetsSent' : 'packetsReceived') ?? 0;
  const lost = number(sending ? remote : rtp, 'packetsLost');
  const current = { timestamp: rtp.timestamp, bytes, packets, lost: lost ?? 0 };
  counters.set(rtp.id, current);
  const rates = compare(current, previous?.counters.get(rtp.id));
  const fractionLost = number(remote, 'fractionLost');
  const lossPercent = sending ? (fractionLost === undefined ? undefined : fractionLost * 100) : rates.lossPercent;
  const jitter = number(sending ? remote : rtp, 'jitter');
  return {
    mid,
    direction,
    kind,
    source,
    ...optional('rid', text(rtp, 'rid')),
    ...optional('codec', text(entries.get(text(rtp, 'codecId') ?? ''), 'mimeType')),
    ...optional('bitrateBps', rates.bitrateBps),
    packets,
    ...optional('lost', lost),
    ...optional('lossPercent', lossPercent === undefined ? undefined : Math.round(lossPercent * 10) / 10),
    ...optional('jitterMs', jitter === undefined ? undefined : Math.round(jitter * 1e4) / 10),
    ...optional('frames', number(rtp, sending ? 'framesEncoded' : 'framesDecoded')),
    ...optional('width', number(rtp, 'frameWidth')),
    ...optional('height', number(rtp, 'frameHeight')),
    ...optional('fps', number(rtp, 'framesPerSecond')),
    ...optional('freezes', number(rtp, 'freezeCount')),
    ...optional('limitation', text(rtp, 'qualityLimitationReason')),
    ...optional('implementation', text(rtp, sending ? 'encoderImplementation' : 'decoderImplementation')),
  };
}

function compare(current: Counters, before: Counters | undefined): { bitrateBps?: number; lossPercent?: number } {
  if (before === undefined) return {};
  const seconds = (current.timestamp - before.timestamp) / 1000;
  // A counter that went back belongs to another stream under the same id.
  if (seconds <= 0 || current.bytes < before.bytes) return {};
  const bitrateBps = Math.round(((current.bytes - before.bytes) * 8) / seconds);
  const lost = Math.max(0, current.lost - before.lost);
  const expected = Math.max(0, current.packets - before.packets) + lost;
  return expected === 0 ? { bitrateBps } : { bitrateBps, lossPercent: (100 * lost) / expected };
}

function find(entries: ReadonlyMap<string, Entry>, type: string): Entry | undefined {
  return [...entries.values()].find((entry) => entry.type === type);
}

function number(entry: Entry | undefined, field: string): number | undefined {
  const value = entry?.[field];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(entry: Entry | undefined, field: string): string | undefined {
  const value = entry?.[field];
  return typeof value === 'string' ? value : undefined;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
