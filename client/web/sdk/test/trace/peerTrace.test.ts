import { expect, test } from 'vitest';
import { PeerTrace } from '../../src/trace/peerTrace.js';
import type { TraceCandidate } from '../../src/trace/types.js';

const local: TraceCandidate = { type: 'srflx', protocol: 'udp', address: '198.51.100.7', port: 6000 };
const overtaken: TraceCandidate = { type: 'prflx', protocol: 'udp', address: '203.0.113.1', port: 50000 };

function traceOf(told: TraceCandidate): PeerTrace {
  const trace = new PeerTrace();
  trace.candidate('remote', told);
  const checks = { state: 'succeeded', nominated: true, selected: true, requestsSent: 1, responsesReceived: 1 };
  trace.measured({ pairs: [{ id: 'p', local, remote: overtaken, ...checks }], media: [], counters: new Map() });
  return trace;
}

test('a candidate that its check overtook goes by what the other side calls it', () => {
  const trace = traceOf({ ...overtaken, type: 'relay' });

  expect(trace.selectedPair?.remote?.type).toBe('relay');
  expect(trace.path).toBe('relay');
});

test('a peer-reflexive candidate that nobody told of stays one', () => {
  expect(traceOf({ ...overtaken, port: 50001, type: 'relay' }).path).toBe('srflx');
});
