import { describe, expect, it } from 'vitest';
import { relayReason } from '../../src/trace/relayReason.js';
import type { TraceCandidate, TracePair } from '../../src/trace/types.js';

const host: TraceCandidate = { type: 'host', protocol: 'udp', address: '192.168.1.5', port: 5000 };
const hidden: TraceCandidate = { type: 'host', protocol: 'udp', address: 'a1b2.local', port: 5000 };
const srflx: TraceCandidate = { type: 'srflx', protocol: 'udp', address: '198.51.100.7', port: 6000 };
const relay: TraceCandidate = {
  type: 'relay',
  protocol: 'udp',
  address: '203.0.113.1',
  port: 50000,
  relayProtocol: 'udp',
};
const relayOverTls: TraceCandidate = { ...relay, relayProtocol: 'tls' };
const remoteRelay: TraceCandidate = { type: 'relay', protocol: 'udp', address: '203.0.113.1', port: 50002 };

function pair(local: TraceCandidate, remote: TraceCandidate, more: Partial<TracePair> = {}): TracePair {
  return {
    id: `${local.type}-${remote.type}`,
    ...{ local, remote, state: 'failed', nominated: false, selected: false, requestsSent: 5, responsesReceived: 0 },
    ...more,
  };
}

function reason(local: TraceCandidate[], remote: TraceCandidate[], selected: TracePair, others: TracePair[] = []) {
  return relayReason({ candidates: { local, remote }, pairs: [...others, selected], selectedPair: selected });
}

describe('relayReason', () => {
  it('says nothing about a direct path, or none', () => {
    expect(reason([host, srflx], [srflx], pair(srflx, srflx, { selected: true }))).toBeUndefined();
    expect(relayReason({ candidates: { local: [], remote: [] }, pairs: [], selectedPair: undefined })).toBeUndefined();
  });

  it('tells the side that offers relays only', () => {
    expect(reason([relay], [host, srflx], pair(relay, srflx))).toMatchObject({ code: 'relayOnly', side: 'local' });
    expect(reason([host, srflx], [remoteRelay], pair(srflx, remoteRelay))).toMatchObject({
      code: 'relayOnly',
      side: 'remote',
    });
  });

  it('takes a relay over TLS without any UDP from outside for blocked UDP', () => {
    const candidates = [host, relayOverTls];

    expect(reason(candidates, [host, srflx, remoteRelay], pair(relayOverTls, remoteRelay))).toMatchObject({
      code: 'udpBlocked',
      side: 'local',
    });
    // Where UDP reached a STUN server it is not blocked, whatever the relay in use is reached by.
    expect(reason([...candidates, srflx], [srflx], pair(relayOverTls, srflx))).toMatchObject({ code: 'directFailed' });
  });

  it('tells the side that knows no public address of its own', () => {
    expect(reason([hidden, relay], [srflx], pair(relay, srflx))).toMatchObject({
      code: 'noPublicAddress',
      side: 'local',
    });
    expect(reason([host, srflx], [hidden, remoteRelay], pair(srflx, remoteRelay))).toMatchObject({
      code: 'noPublicAddress',
      side: 'remote',
    });
  });

  it('counts the direct pairs that were tried in vain', () => {
    const tried = [pair(host, srflx), pair(srflx, srflx), pair(srflx, host, { requestsSent: 0 })];

    expect(reason([host, srflx, relay], [srflx, remoteRelay], pair(relay, remoteRelay), tried)).toEqual({
      code: 'directFailed',
      side: 'both',
      tried: 2,
    });
  });
});
