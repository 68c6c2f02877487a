/** Why media takes a relay, told from what the browser reports. Pure. */
import type { RelayReason, TraceCandidate, TracePair } from './types.js';

/** What is looked at. */
export interface RelayEvidence {
  /** The candidates that both sides found. */
  readonly candidates: { readonly local: readonly TraceCandidate[]; readonly remote: readonly TraceCandidate[] };
  /** The pairs and how their checks went. */
  readonly pairs: readonly TracePair[];
  /** The pair that media takes. */
  readonly selectedPair: TracePair | undefined;
}

/**
 * Why the selected pair is relayed; `undefined` if it is not. The surest cause comes first: a side that offers nothing but relays
 * chose so; a side that reaches its relay by TCP only and learnt no public address cannot send UDP; what remains is that the
 * checks of all direct pairs stayed unanswered.
 */
export function relayReason({ candidates, pairs, selectedPair }: RelayEvidence): RelayReason | undefined {
  const { local, remote } = selectedPair ?? {};
  if (local?.type !== 'relay' && remote?.type !== 'relay') return undefined;
  const tried = pairs.filter((pair) => isDirect(pair) && pair.requestsSent > 0).length;
  if (onlyRelays(candidates.local)) return { code: 'relayOnly', side: 'local', tried };
  if (onlyRelays(candidates.remote)) return { code: 'relayOnly', side: 'remote', tried };
  if (local?.type === 'relay' && overStream(local) && !candidates.local.some(isUdpFromOutside)) {
    return { code: 'udpBlocked', side: 'local', tried };
  }
  if (lacksPublicAddress(candidates.local)) return { code: 'noPublicAddress', side: 'local', tried };
  if (lacksPublicAddress(candidates.remote)) return { code: 'noPublicAddress', side: 'remote', tried };
  return { code: 'directFailed', side: 'both', tried };
}

function isDirect({ local, remote }: TracePair): boolean {
  return local?.type !== 'relay' && remote?.type !== 'relay';
}

function onlyRelays(candidates: readonly TraceCandidate[]): boolean {
  return candidates.length > 0 && candidates.every(({ type }) => type === 'relay');
}

/** Whether the relay itself is reached over TCP or TLS. */
function overStream({ relayProtocol }: TraceCandidate): boolean {
  return relayProtocol === 'tcp' || relayProtocol === 'tls';
}

/** Whether a candidate proves that UDP reaches the outside. */
function isUdpFromOutside({ type, protocol, relayProtocol }: TraceCandidate): boolean {
  return (type === 'srflx' && protocol === 'udp') || (type === 'relay' && relayProtocol === 'udp');
}

/** Whether all that is known of a side are addresses within its own network: no STUN server answered it. */
function lacksPublicAddress(candidates: readonly TraceCandidate[]): boolean {
  const direct = candidates.filter(({ type, protocol }) => type !== 'relay' && protocol === 'udp');
  return direct.length > 0 && direct.every(({ type, address }) => type === 'host' && isPrivate(address));
}

/** Not reachable from outside: RFC 1918, 6598 (a carrier's own), 3927, 4193 and 4291, loopback, and mDNS names. */
const PRIVATE =
  /^(10\.|127\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)|\.local$/i;

function isPrivate(address: string): boolean {
  return address === '' || PRIVATE.test(address);
}
