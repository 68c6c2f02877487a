import type { PeerTrace } from './peerTrace.js';
import type { TraceCandidate } from './types.js';

/** Notes in `trace` what a connection's own events tell. */
export function observe(connection: RTCPeerConnection, trace: PeerTrace): void {
  connection.addEventListener('icegatheringstatechange', () => {
    const { iceGatheringState } = connection;
    if (iceGatheringState === 'gathering') trace.step('gathering', 'gatheringBegan', 'looking for candidates');
    if (iceGatheringState === 'complete') trace.step('gathering', 'gatheringComplete', 'all candidates found');
  });
  connection.addEventListener('icecandidate', ({ candidate }) => {
    const seen = candidate === null ? undefined : toTraceCandidate(candidate);
    if (seen !== undefined) trace.candidate('local', seen);
  });
  connection.addEventListener('icecandidateerror', ({ url, errorCode, errorText }) => {
    // 701 is "the server was not reached" (W3C webrtc-pc §5.7.2); the others come from the server itself.
    const data = { url, errorCode, errorText };
    trace.step('gathering', 'candidateError', `${url} gave no candidate: ${errorCode} ${errorText}`, data);
  });
  connection.addEventListener('iceconnectionstatechange', () => {
    const state = connection.iceConnectionState;
    trace.step('ice', `ice${capitalized(state)}`, `ICE is ${state}`);
    watchDtls(connection, trace);
  });
  connection.addEventListener('signalingstatechange', () => watchDtls(connection, trace));
}

const watched = new WeakSet<RTCDtlsTransport>();

/** The transport appears with the first description. */
function watchDtls(connection: RTCPeerConnection, trace: PeerTrace): void {
  const transport = connection.sctp?.transport ?? connection.getTransceivers()[0]?.sender.transport ?? undefined;
  if (transport === undefined || watched.has(transport)) return;
  watched.add(transport);
  transport.addEventListener('statechange', () => {
    trace.step('dtls', `dtls${capitalized(transport.state)}`, `DTLS is ${transport.state}`);
  });
}

/** The other side's candidate as the trace shows it; `undefined` if it is none. */
export function parseCandidate(candidate: RTCIceCandidateInit): TraceCandidate | undefined {
  try {
    return toTraceCandidate(new RTCIceCandidate(candidate));
  } catch {
    return undefined;
  }
}

function toTraceCandidate(candidate: RTCIceCandidate): TraceCandidate | undefined {
  const { type, protocol, address, port, priority } = candidate;
  if (candidate.candidate === '' || type === null) return undefined;
  const { url, relayProtocol } = candidate as { url?: string | null; relayProtocol?: string | null };
  return {
    type,
    protocol: protocol ?? 'udp',
    address: address ?? '',
    port: port ?? 0,
    ...(priority === null ? {} : { priority }),
    ...(url ? { url } : {}),
    ...(relayProtocol ? { relayProtocol } : {}),
  };
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
