import { expect, test } from 'vitest';
import { sparklinePoints } from '../src/lib/sparkline.js';
import { lastAttempt, phasesOf } from '../src/lib/tracePhases.js';

const attempt = [
  { at: 0, code: 'attemptBegan' },
  { at: 4, code: 'offerSent' },
  { at: 5, code: 'gatheringBegan' },
  { at: 52, code: 'answerReceived' },
  { at: 63, code: 'gatheringComplete' },
  { at: 68, code: 'iceChecking' },
  { at: 106, code: 'iceConnected' },
  { at: 108, code: 'dtlsConnecting' },
  { at: 171, code: 'dtlsConnected' },
  { at: 189, code: 'firstPacketReceived' },
  { at: 263, code: 'firstFrameReceived' },
];

test('each phase goes from its first step to its end', () => {
  expect(phasesOf(attempt, 999)).toEqual([
    { name: 'signalling', start: 0, end: 52, done: true },
    { name: 'gathering', start: 5, end: 63, done: true },
    { name: 'ice', start: 68, end: 106, done: true },
    { name: 'dtls', start: 106, end: 171, done: true },
    { name: 'media', start: 171, end: 263, done: true },
  ]);
});

test('a phase under way lasts until now, and one that has not begun is left out', () => {
  expect(phasesOf(attempt.slice(0, 6), 400)).toEqual([
    { name: 'signalling', start: 0, end: 52, done: true },
    { name: 'gathering', start: 5, end: 63, done: true },
    { name: 'ice', start: 68, end: 400, done: false },
  ]);
});

test('only the newest attempt counts', () => {
  const again = [...attempt, { at: 0, code: 'attemptAccepted' }, { at: 3, code: 'offerReceived' }];
  expect(lastAttempt(again)).toHaveLength(2);
  expect(phasesOf(again, 10)).toEqual([{ name: 'signalling', start: 0, end: 10, done: false }]);
});

test('a sparkline ends at the right edge and passes over gaps', () => {
  const size = { width: 100, height: 10 };
  expect(sparklinePoints([0, undefined, 20], 3, size, 10)).toBe('0.0,10.0 100.0,0.0');
  expect(sparklinePoints([5], 3, size, 10)).toBe('100.0,5.0');
  expect(sparklinePoints([], 3, size, 10)).toBe('');
});
