/** The first wait before connecting again, in milliseconds. */
const FIRST_MS = 200;
/** The longest wait, in milliseconds. */
export const BACKOFF_MS_MAX = 5_000;

/**
 * How long to wait before attempt number `attempt` (0, 1, …), in milliseconds: twice as long each time up to a
 * maximum, of which a random half keeps many clients from coming back at the same moment.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const whole = Math.min(BACKOFF_MS_MAX, FIRST_MS * 2 ** Math.min(attempt, 16));
  return whole / 2 + (random() * whole) / 2;
}
