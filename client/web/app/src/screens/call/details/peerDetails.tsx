import type { ConnectionQuality, PeerState, PeerTrace, RemoteParticipant, TracePair } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatBitrate, formatNumber } from '../../../lib/format.js';
import { pathKind } from '../../../lib/tracePath.js';
import type { ParticipantView } from '../../../state/participantView.js';
import { totalBps } from '../../../state/traceHistory.js';
import { Avatar } from '../../../ui/avatar.js';
import { QualityBars } from '../qualityButton.js';
import { useCallView } from '../view.js';
import { LayersTable } from './layersTable.js';
import { MediaTable } from './mediaTable.js';
import { messages } from './messages.js';
import { Metric } from './metric.js';
import { PairsTable } from './pairsTable.js';
import { PathDiagram } from './pathDiagram.js';
import { Phases } from './phases.js';
import { Timeline } from './timeline.js';

/** The direct connection to somebody. */
export function PeerDetails({ person, participant }: { person: ParticipantView; participant: RemoteParticipant }) {
  return <ConnectionDetails of="peer" id={person.id} name={person.name} trace={participant.connection} />;
}

/** What comes of somebody by the server. */
export function ForwardedDetails({ person, participant }: { person: ParticipantView; participant: RemoteParticipant }) {
  const { call } = useCallView();
  void call.traceVersion.value;
  return (
    <section class="peer" data-testid="peer-details" data-name={person.name} data-participant={person.id}>
      <Header name={person.name} state={participant.connectionState} quality={participant.connectionQuality} />
      <LayersTable participant={participant} media={call.room.serverConnection?.media ?? []} />
    </section>
  );
}

/** The connection to the server. */
export function ServerDetails({ trace }: { trace: PeerTrace }) {
  return <ConnectionDetails of="server" id="server" name={messages.value.serverName} trace={trace} />;
}

interface HeaderProps {
  name: string;
  state: PeerState;
  quality: ConnectionQuality;
}

function Header({ name, state, quality }: HeaderProps) {
  const texts = messages.value;
  return (
    <div class="peer-header">
      <Avatar name={name} small />
      <div>
        <h3 dir="auto">{name}</h3>
        <p class={`peer-quality quality-${quality}`}>
          <QualityBars quality={quality} />
          <span>
            {texts.state[state]}
            {state === 'connected' && ` · ${texts.quality[quality]}`}
          </span>
        </p>
      </div>
    </div>
  );
}

interface ConnectionDetailsProps {
  of: 'peer' | 'server';
  id: string;
  name: string;
  trace: PeerTrace;
}

/** One connection, from its measurements now down to how it came about. */
function ConnectionDetails({ of, id, name, trace }: ConnectionDetailsProps) {
  const { call } = useCallView();
  // The trace changes in place; the version tells when.
  void call.traceVersion.value;
  const texts = messages.value;
  const history = call.history.of(trace);
  const number = (value: number | undefined, digits = 0) =>
    value === undefined ? '–' : formatNumber(value, language.value, digits);
  return (
    <section class="peer" data-testid={`${of}-details`} data-name={name} data-participant={id}>
      <Header name={name} state={trace.state} quality={trace.quality} />
      <PathDiagram
        name={name}
        pair={trace.selectedPair}
        path={pathKind(trace.selectedPair?.local, trace.selectedPair?.remote)}
        relayReason={trace.relayReason}
      />
      <div class="metrics">
        <Metric
          label={texts.metric.rtt}
          value={`${number(trace.rttMs)} ms`}
          values={history.map(({ rttMs }) => rttMs)}
          floor={100}
        />
        <Metric
          label={texts.metric.loss}
          value={`${number(trace.lossPercent, 1)} %`}
          values={history.map(({ lossPercent }) => lossPercent)}
          floor={5}
          alarming={(trace.lossPercent ?? 0) > 5}
        />
        <Metric
          label={texts.metric.receive}
          value={formatBitrate(totalBps(trace.media, 'receive'), language.value)}
          values={history.map(({ receiveBps }) => receiveBps)}
          floor={100_000}
        />
        <Metric
          label={texts.metric.send}
          value={formatBitrate(totalBps(trace.media, 'send'), language.value)}
          values={history.map(({ sendBps }) => sendBps)}
          floor={100_000}
        />
      </div>
      <Facts trace={trace} />
      <MediaTable media={trace.media} />
      <Phases steps={trace.steps} />
      <Timeline steps={trace.steps} dropped={trace.stepsDropped} />
      <PairsTable pairs={trace.pairs} />
    </section>
  );
}

function Facts({ trace }: { trace: PeerTrace }) {
  const texts = messages.value;
  const { dtls, selectedPair, availableOutgoingBps } = trace;
  const facts: [label: string, value: string | undefined][] = [
    [texts.fact.path, texts.path[pathKind(selectedPair?.local, selectedPair?.remote) ?? 'none'].title],
    [texts.fact.pair, selectedPair && pairText(selectedPair)],
    [texts.fact.encryption, dtls?.cipher && `DTLS ${dtls.version ?? ''}, ${dtls.cipher}`],
    [texts.fact.media, dtls?.srtpCipher],
    [texts.fact.role, dtls?.role && (texts.dtlsRole[dtls.role] ?? dtls.role)],
    [
      texts.fact.estimate,
      availableOutgoingBps === undefined ? undefined : formatBitrate(availableOutgoingBps, language.value),
    ],
    [texts.fact.attempts, String(trace.attempts)],
  ];
  return (
    <dl class="facts">
      {facts.map(
        ([label, value]) =>
          value && (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function pairText({ local, remote }: TracePair): string {
  const side = (candidate: TracePair['local']) =>
    candidate
      ? `${candidate.type} ${candidate.protocol} ${candidate.address || messages.value.node.hidden}:${candidate.port}`
      : '?';
  return `${side(local)} → ${side(remote)}`;
}
