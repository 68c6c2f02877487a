import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { TrackWatch } from '../../src/protocol.js';
import { Watches } from '../../src/server/watches.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function make() {
  const sent: TrackWatch[][] = [];
  return { sent, watches: new Watches((watches) => sent.push(watches)) };
}

const shown = (width: number) => ({ wanted: true, paused: false, width, height: width });

test('what changed within a moment goes in one message, the newest of each', () => {
  const { sent, watches } = make();
  for (let width = 100; width <= 400; width += 100) watches.set('p_b', 'cam', shown(width));
  watches.set('p_c', 'cam', { wanted: true, paused: true });
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(300);
  expect(sent).toEqual([
    [
      { participant: 'p_b', track: 'cam', ...shown(400) },
      { participant: 'p_c', track: 'cam', wanted: true, paused: true },
    ],
  ]);
});

test('what is as the server takes it to be anyway is not told', () => {
  const { sent, watches } = make();
  watches.set('p_b', 'cam', { wanted: true, paused: false });
  watches.set('p_c', 'cam', shown(100));
  watches.set('p_c', 'cam', { wanted: true, paused: false });
  vi.advanceTimersByTime(1_000);
  expect(sent).toEqual([]);
  watches.set('p_b', 'cam', shown(100));
  vi.advanceTimersByTime(1_000);
  watches.set('p_b', 'cam', shown(100));
  vi.advanceTimersByTime(1_000);
  watches.set('p_b', 'cam', { wanted: true, paused: false });
  vi.advanceTimersByTime(1_000);
  expect(sent).toHaveLength(2);
});

test('a track that comes back under its id is told anew; one that is gone is not told', () => {
  const { sent, watches } = make();
  watches.set('p_b', 'cam', shown(100));
  watches.forget('p_b', 'cam');
  vi.advanceTimersByTime(1_000);
  expect(sent).toEqual([]);
  watches.set('p_b', 'cam', shown(100));
  vi.advanceTimersByTime(1_000);
  watches.forget('p_b', 'cam');
  watches.set('p_b', 'cam', shown(100));
  vi.advanceTimersByTime(1_000);
  expect(sent).toHaveLength(2);
});

test('a message names a hundred at most', () => {
  const { sent, watches } = make();
  for (let person = 0; person < 250; person += 1) watches.set(`p_${person}`, 'cam', shown(100));
  vi.advanceTimersByTime(300);
  expect(sent.map(({ length }) => length)).toEqual([100, 100, 50]);
});
