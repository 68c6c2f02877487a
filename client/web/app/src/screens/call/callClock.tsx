import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatClock } from '../../lib/format.js';

/** How long the call has lasted. Quiet for screen readers, which would otherwise hear every second. */
export function CallClock({ startedAt }: { startedAt: number }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => clearInterval(timer);
  }, [now]);
  return (
    <span class="clock" aria-hidden="true">
      {formatClock(now.value - startedAt)}
    </span>
  );
}
