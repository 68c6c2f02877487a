import { expect, test } from 'vitest';
import { formatBitrate, formatBytes, formatClock, truncateUtf8 } from '../src/lib/format.js';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1500, '1.5 kB'],
  [2_411_724, '2.4 MB'],
  [73_000_000, '73 MB'],
])('%i bytes are %j', (bytes, expected) => {
  expect(formatBytes(bytes, 'en')).toBe(expected);
});

test.each([
  [900, '0.9 kbit/s'],
  [34_000, '34 kbit/s'],
  [1_420_000, '1.4 Mbit/s'],
])('%i bits per second are %j', (bps, expected) => {
  expect(formatBitrate(bps, 'en')).toBe(expected);
});

test.each([
  [0, '0:00'],
  [61_000, '1:01'],
  [3_723_000, '1:02:03'],
  [-5, '0:00'],
])('%i ms on a clock are %j', (ms, expected) => {
  expect(formatClock(ms)).toBe(expected);
});

test('text is cut to bytes between characters', () => {
  expect(truncateUtf8('Anna', 64)).toBe('Anna');
  expect(truncateUtf8('가나다', 7)).toBe('가나');
  expect(truncateUtf8('a👩‍👩‍👧b', 10)).toBe('a');
});
