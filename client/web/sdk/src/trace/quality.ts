import type { StatsSummary } from './stats.js';
import type { ConnectionQuality, PeerState } from './types.js';

/** Up to these a connection is excellent, or good; beyond, poor. Round trip in milliseconds, loss in percent, jitter in milliseconds. */
const EXCELLENT = { rttMs: 150, lossPercent: 1, jitterMs: 30 };
const GOOD = { rttMs: 350, lossPercent: 5, jitterMs: 80 };

/** How good a connection is: the worst of its measurements decides. */
export function assessQuality(
  state: PeerState,
  stats: Pick<StatsSummary, 'rttMs' | 'lossPercent' | 'media'> | undefined,
): ConnectionQuality {
  if (state === 'interrupted' || state === 'failed') return 'lost';
  if (state !== 'connected' || stats === undefined) return 'unknown';
  const measured = {
    rttMs: stats.rttMs ?? 0,
    lossPercent: stats.lossPercent ?? 0,
    jitterMs: Math.max(0, ...stats.media.map(({ jitterMs }) => jitterMs ?? 0)),
  };
  if (stats.rttMs === undefined && stats.lossPercent === undefined) return 'unknown';
  if (within(measured, EXCELLENT)) return 'excellent';
  return within(measured, GOOD) ? 'good' : 'poor';
}

function within(measured: typeof GOOD, limits: typeof GOOD): boolean {
  return (
    measured.rttMs <= limits.rttMs && measured.lossPercent <= limits.lossPercent && measured.jitterMs <= limits.jitterMs
  );
}
