import './details.css';
import type { RemoteParticipant } from 'moim-client';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../../ui/icon.js';
import { useCallView } from '../view.js';
import { messages } from './messages.js';
import { PeerDetails } from './peerDetails.js';

/** Everything about the connections of this call, live. */
export function DetailsPanel() {
  const view = useCallView();
  const { call } = view;
  const texts = messages.value;
  const ref = useRef<HTMLDivElement>(null);
  const wanted = view.detailsOf.value;
  useEffect(() => {
    const section = ref.current?.querySelector(`[data-participant="${CSS.escape(wanted ?? '')}"]`);
    section?.scrollIntoView({ block: 'start' });
  }, [wanted]);
  const others = call.participants.value.filter(({ isLocal }) => !isLocal);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <div ref={ref} class="details" tabIndex={0}>
      <p class="details-server muted">
        <span class={`dot dot-${call.connection.value === 'connected' ? 'good' : 'poor'}`} />
        {texts.server(texts.transport[call.room.transport ?? 'none'])}
      </p>
      {others.length === 0 && <p class="details-nobody muted">{texts.nobody}</p>}
      {others.map((person) => (
        <PeerDetails key={person.id} person={person} participant={person.participant as RemoteParticipant} />
      ))}
      {others.length > 0 && (
        <div class="details-footer">
          <button
            type="button"
            class="button"
            onClick={() =>
              downloadReport(
                call.roomName,
                others.map(({ participant }) => participant as RemoteParticipant),
              )
            }
          >
            <Icon name="download" size={18} />
            {texts.download}
          </button>
          <p class="muted">{texts.downloadHint}</p>
        </div>
      )}
    </div>
  );
}

/** Saves what is known of all connections as JSON. */
function downloadReport(room: string, participants: readonly RemoteParticipant[]): void {
  const report = {
    version: 1,
    room,
    time: new Date().toISOString(),
    userAgent: navigator.userAgent,
    connections: participants.map(({ id, name, connection }) => ({ id, name, trace: connection.toJSON() })),
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `moim-${room}-${report.time.replace(/[:.]/g, '-')}.json`;
  link.click();
  // The download has begun once the click was handled.
  setTimeout(() => URL.revokeObjectURL(url));
}
