import { expect, test } from 'vitest';
import { BACKOFF_MS_MAX, backoffMs } from '../../src/signal/backoff.js';

test('waits grow, vary, and stay within their bounds', () => {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const shortest = backoffMs(attempt, () => 0);
    const longest = backoffMs(attempt, () => 1);
    expect(shortest).toBeGreaterThanOrEqual(100);
    expect(longest).toBe(2 * shortest);
    expect(longest).toBeLessThanOrEqual(BACKOFF_MS_MAX);
    expect(shortest).toBeLessThanOrEqual(backoffMs(attempt + 1, () => 0));
  }
});
