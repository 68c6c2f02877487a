/**
 * Calls `check` when the network may have changed (`changed`) or the page may have missed something. Returns how to stop.
 */
export function watchNetwork(check: (changed: boolean) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  if (typeof window !== 'undefined') {
    window.addEventListener('online', () => check(true), { signal });
    window.addEventListener('offline', () => check(false), { signal });
  }
  if (typeof document !== 'undefined') {
    // Timers of a hidden page stand still: what was missed shows when it is seen again.
    const onvisible = () => document.visibilityState === 'visible' && check(false);
    document.addEventListener('visibilitychange', onvisible, { signal });
  }
  // Network Information API: Chromium only. It also reports every change of its own estimates, which is no news here.
  const connection = typeof navigator === 'undefined' ? undefined : (navigator as NavigatorWithConnection).connection;
  let type = connection?.type;
  const onchange = () => {
    if (connection?.type === type) return;
    type = connection?.type;
    check(true);
  };
  connection?.addEventListener('change', onchange, { signal });
  return () => stop.abort();
}

type NavigatorWithConnection = Navigator & { connection?: EventTarget & { readonly type?: string } };
