// Waiting, always for something and never for ever.

import { setTimeout as delay } from 'node:timers/promises';

/** Longest wait for something that a person would call immediate, on a machine that is busy with much else. */
export const WITHIN_MS = 60_000;
const EVERY_MS = 100;

/**
 * Waits until `probe` gives something other than `undefined`, `null` and `false`, and gives that.
 *
 * @template T
 * @param {string} what said when it does not come about
 * @param {() => T | Promise<T>} probe
 * @param {number} [withinMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually(what, probe, withinMs = WITHIN_MS) {
  const end = Date.now() + withinMs;
  /** @type {unknown} */
  let last;
  do {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    await delay(EVERY_MS);
  } while (Date.now() < end);
  const seen = last instanceof Error ? last.message : JSON.stringify(last);
  throw new Error(`${what}: not within ${withinMs / 1000} s (last: ${seen})`);
}

/**
 * @template T
 * @param {string} what
 * @param {Promise<T>} promise
 * @param {number} [withinMs]
 * @returns {Promise<T>}
 */
export async function within(what, promise, withinMs = WITHIN_MS) {
  const stop = new AbortController();
  const late = delay(withinMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`${what}: not within ${withinMs / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}
