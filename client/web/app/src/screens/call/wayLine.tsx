import { callMessages } from './messages.js';
import { useCallView } from './view.js';

/** How media travels, and why: a quiet line. That it changed is announced to those who do not see it. */
export function WayLine() {
  const { call, alone } = useCallView();
  if (alone.value) return null;
  const { topology, reason } = call.way.value;
  return (
    <p class="way" data-testid="way" data-topology={topology} data-reason={reason}>
      {callMessages.value.way(topology, reason)}
    </p>
  );
}
