import type { RemoteParticipant, TracePair } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatBitrate, formatNumber } from '../../../lib/format.js';
import { pathKind } from '../../../lib/tracePath.js';
import type { ParticipantView } from '../../../state/participantView.js';
import { totalBps } from '../../../state/traceHistory.js';
import { Avatar } from '../../../ui/avatar.js';
import { QualityBars } from '../qualityButton.js';
import { useCallView } from '../view.js';
import { MediaTable } from './mediaTable.js';
import { messages } from './messages.js';
import { Metric } from './metric.js';
import { PairsTable } from './pairsTable.js';
import { PathDiagram } from './pathDiagram.js';
import { Phases } from './phases.js';
import { Timeline } from './timeline.js';

interface PeerDetailsProps {
  person: ParticipantView;
  participant: RemoteParticipant;
}

/** One connection, from its measurements now down to how it came about. */
export function PeerDetails({ person, participant }: PeerDetailsProps) {
  const { call } = useCallView();
  // The trace changes in place; the version tells when.
  void call.traceVersion.value;
  const texts = messages.value;
  const trace = participant.connection;
  const history = call.history.of(participant);
  const number = (value: number | undefined, digits = 0) =>
    value === undefined ? '–' : formatNumber(value, language.value, digits);
  return (
    <section class="peer" data-testid="peer-details" data-name={person.name} data-participant={person.id}>
      <div class="peer-header">
        <Avatar name={person.name} small />
        <div>
          <h3 dir="auto">{person.name}</h3>
          <p class={`peer-quality quality-${trace.quality}`}>
            <QualityBars quality={trace.quality} />
            <span>
              {texts.state[trace.state]}
              {trace.state === 'connected' && ` · ${texts.quality[trace.quality]}`}
            </span>
          </p>
        </div>
      </div>
      <PathDiagram
        name={person.name}
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
      <Facts participant={participant} />
      <MediaTable media={trace.media} />
      <Phases steps={trace.steps} />
      <Timeline steps={trace.steps} dropped={trace.stepsDropped} />
      <PairsTable pairs={trace.pairs} />
    </section>
  );
}

function Facts({ participant }: { participant: RemoteParticipant }) {
  const texts = messages.value;
  const { connection: trace } = participant;
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
