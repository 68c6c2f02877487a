import './details.css';
import type { RemoteParticipant } from 'moim-client';
import { useEffect, useRef } from 'preact/hooks';
import type { Call } from '../../../state/call.js';
import { Icon } from '../../../ui/icon.js';
import { callMessages } from '../messages.js';
import { useCallView } from '../view.js';
import { messages } from './messages.js';
import { ForwardedDetails, PeerDetails, ServerDetails } from './peerDetails.js';

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
  const { topology } = call.way.value;
  const { serverConnection } = call.room;
  const server = serverConnection && <ServerDetails trace={serverConnection} />;
  const PersonDetails = topology === 'sfu' ? ForwardedDetails : PeerDetails;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
    <div ref={ref} class="details" tabIndex={0}>
      <p class="details-server muted">
        <span class={`dot dot-${call.connection.value === 'connected' ? 'good' : 'poor'}`} />
        {texts.server(texts.transport[call.room.transport ?? 'none'])}
      </p>
      {others.length === 0 && <p class="details-nobody muted">{texts.nobody}</p>}
      {others.length > 0 && <WayDetails />}
      {topology === 'sfu' && server}
      {others.map((person) => (
        <PersonDetails key={person.id} person={person} participant={person.participant as RemoteParticipant} />
      ))}
      {topology === 'mesh' && others.length > 0 && server && (
        <div class="details-spare">
          <p class="muted">{texts.spare}</p>
          {server}
        </div>
      )}
      {(others.length > 0 || serverConnection) && (
        <div class="details-footer">
          <button type="button" class="button" onClick={() => downloadReport(call)}>
            <Icon name="download" size={18} />
            {texts.download}
          </button>
          <p class="muted">{texts.downloadHint}</p>
        </div>
      )}
    </div>
  );
}

/** How media travels, why, and what that means. */
function WayDetails() {
  const { call } = useCallView();
  const { topology, reason } = call.way.value;
  return (
    <div class="details-way" data-testid="way-details" data-topology={topology}>
      <strong>{callMessages.value.way(topology, reason)}</strong>
      <p class="muted">{messages.value.wayMeans[topology]}</p>
    </div>
  );
}

/** Saves what is known of all connections as JSON. */
function downloadReport({ room, roomName }: Call): void {
  const { topology, topologyReason, serverConnection } = room;
  const report = {
    version: 1,
    room: roomName,
    time: new Date().toISOString(),
    userAgent: navigator.userAgent,
    ...{ topology, topologyReason, server: serverConnection?.toJSON() },
    connections: [...room.remoteParticipants.values()].map(({ id, name, connection }) => ({
      ...{ id, name },
      trace: connection.toJSON(),
    })),
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `moim-${roomName}-${report.time.replace(/[:.]/g, '-')}.json`;
  link.click();
  // The download has begun once the click was handled.
  setTimeout(() => URL.revokeObjectURL(url));
}
