import { expect, test } from 'vitest';
import { ANNOUNCE_BATCH_MAX, ANNOUNCE_INTERVAL_MS, AnnouncementQueue } from '../src/lib/announcements.js';

const more = (count: number) => `${count} more`;

test('the first announcement is made at once, the next after a while', () => {
  const queue = new AnnouncementQueue();
  expect(queue.delay(0)).toBeUndefined();
  queue.push('Anna joined');
  expect(queue.delay(0)).toBe(0);
  expect(queue.take(0, more)).toBe('Anna joined');
  queue.push('Ben joined');
  expect(queue.delay(500)).toBe(ANNOUNCE_INTERVAL_MS - 500);
});

test('what comes together is said together, and too much of it is counted', () => {
  const queue = new AnnouncementQueue();
  for (let index = 0; index < ANNOUNCE_BATCH_MAX + 4; index += 1) queue.push(`notice ${index}`);
  expect(queue.take(0, more)).toBe('notice 0. notice 1. notice 2. 4 more');
  expect(queue.delay(ANNOUNCE_INTERVAL_MS)).toBeUndefined();
});
