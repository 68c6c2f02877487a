import { expect, test } from 'vitest';
import { PeerTrace, STEPS_MAX } from '../../src/trace/peerTrace.js';
import { assessQuality } from '../../src/trace/quality.js';
import { summarize } from '../../src/trace/stats.js';
import { stepsBetween } from '../../src/trace/statsSteps.js';
import chromium from '../fixtures/chromium-156.json' with { type: 'json' };
import firefox from '../fixtures/firefox-153.json' with { type: 'json' };

/** Both were recorded in one call, a second apart: sound in section 0, a camera in section 1, nothing in 2 and 3. */
const SOURCES = new Map([
  ['send 0', 'microphone'],
  ['send 1', 'camera'],
  ['receive 0', 'microphone'],
  ['receive 1', 'camera'],
]);

test.each([
  ['Chromium', chromium, 'client'],
  ['Firefox', firefox, 'server'],
])("%s's reports become what a connection's details show", (_name, recorded, role) => {
  const before = summarize(recorded.before, undefined, SOURCES);
  const after = summarize(recorded.after, before, SOURCES);

  expect(after.dtls).toMatchObject({
    state: 'connected',
    version: '1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    srtpCipher: 'SRTP_AEAD_AES_128_GCM',
    role,
  });
  const selected = after.pairs.filter((pair) => pair.selected);
  expect(selected).toHaveLength(1);
  expect(selected[0]).toMatchObject({ state: 'succeeded', nominated: true });
  expect(selected[0]?.local).toMatchObject({ protocol: 'udp', address: '10.77.0.1' });
  expect(selected[0]?.failure).toBeUndefined();
  expect(after.rttMs).toBeGreaterThanOrEqual(0);

  const media = after.media.map(({ direction, source, codec }) => `${direction} ${source} ${codec}`).sort();
  expect(media).toEqual([
    'receive camera video/VP8',
    'receive microphone audio/opus',
    'send camera video/VP8',
    'send microphone audio/opus',
  ]);
  for (const track of after.media) expect(track.bitrateBps).toBeGreaterThan(10_000);
  const camera = after.media.find(({ direction, kind }) => direction === 'receive' && kind === 'video');
  expect(camera?.frames).toBeGreaterThan(10);
  expect(camera?.width).toBeGreaterThan(100);
  expect(assessQuality('connected', after)).toBe('good');
});

test('steps are told once, when they are first seen', () => {
  const before = summarize(chromium.before, undefined, SOURCES);
  const codes = stepsBetween(undefined, before).map(({ code }) => code);
  expect(codes.sort()).toEqual([
    'dtlsAgreed',
    'firstFrameReceived',
    'firstFrameSent',
    'firstPacketReceived',
    'firstPacketReceived',
    'firstPacketSent',
    'firstPacketSent',
    'pairSelected',
    'pairSucceeded',
  ]);
  expect(stepsBetween(before, summarize(chromium.after, before, SOURCES))).toEqual([]);
});

test('loss is that of the time between two reports, and a counter that went back is no rate', () => {
  const rtp = (timestamp: number, packetsReceived: number, packetsLost: number, bytesReceived: number) => [
    { id: 'i', type: 'inbound-rtp', kind: 'audio', mid: '0', timestamp, packetsReceived, packetsLost, bytesReceived },
  ];
  const first = summarize(rtp(1_000, 100, 50, 10_000), undefined, SOURCES);
  expect(first.lossPercent).toBeUndefined();
  const second = summarize(rtp(2_000, 190, 60, 20_000), first, SOURCES);
  expect([second.lossPercent, second.media[0]?.bitrateBps]).toEqual([10, 80_000]);
  const third = summarize(rtp(3_000, 5, 0, 500), second, SOURCES);
  expect([third.lossPercent, third.media[0]?.bitrateBps]).toEqual([undefined, undefined]);
});

test('entries of other shapes do no harm', () => {
  const odd = [
    { id: 1, type: 'inbound-rtp', kind: 'audio' },
    { id: 'p', type: 'candidate-pair', state: 7, requestsSent: 'many' },
    { id: 'q', type: 'candidate-pair', state: 'in-progress', requestsSent: 9, responsesReceived: 0 },
  ];
  const { pairs } = summarize(odd, undefined, SOURCES);
  expect(pairs.map(({ state, failure }) => [state, failure])).toEqual([
    ['unknown', undefined],
    ['in-progress', 'noResponse'],
  ]);
});

test('quality is that of the worst measurement, and none without a connection', () => {
  const quality = (rttMs: number, lossPercent: number) => assessQuality('connected', { rttMs, lossPercent, media: [] });
  expect([quality(20, 0), quality(200, 0), quality(20, 3), quality(20, 9), quality(900, 0)]).toEqual([
    'excellent',
    'good',
    'good',
    'poor',
    'poor',
  ]);
  expect(assessQuality('interrupted', undefined)).toBe('lost');
  expect(assessQuality('connecting', undefined)).toBe('unknown');
});

test('a trace keeps the newest steps, counts the others, and is plain data', () => {
  const trace = new PeerTrace();
  trace.begin();
  for (let index = 0; index < STEPS_MAX + 7; index += 1) trace.step('ice', `step${index}`, 'text');
  expect(trace.steps).toHaveLength(STEPS_MAX);
  expect([trace.steps[0]?.code, trace.stepsDropped]).toEqual(['step7', 7]);
  trace.measured(summarize(chromium.after, undefined, SOURCES));
  trace.setState('connected');
  expect(JSON.parse(JSON.stringify(trace))).toMatchObject({ version: 1, state: 'connected', path: 'host' });
});
