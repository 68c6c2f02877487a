import type { RemoteParticipant, RemoteTrackPublication, TraceMedia } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatBitrate, formatNumber } from '../../../lib/format.js';
import { messages } from './messages.js';

interface LayersTableProps {
  participant: RemoteParticipant;
  /** What is measured on the connection to the server. */
  media: readonly TraceMedia[];
}

/** Which part of each track of somebody the server forwards here, and why it is not more. */
export function LayersTable({ participant, media }: LayersTableProps) {
  const texts = messages.value;
  const publications = [...participant.trackPublications.values()].filter(({ isMuted }) => !isMuted);
  if (publications.length === 0) return <p class="details-nothing muted">{texts.nothingForwarded}</p>;
  return (
    <table class="details-table" data-testid="layers">
      <thead>
        <tr>
          <th scope="col">{texts.mediaColumn.what}</th>
          <th scope="col">{texts.layerColumn}</th>
          <th scope="col" class="numeric">
            {texts.mediaColumn.bitrate}
          </th>
        </tr>
      </thead>
      <tbody>
        {publications.map((publication) => (
          <LayerRow
            key={publication.id}
            publication={publication}
            measured={media.find(({ mid, direction }) => direction === 'receive' && mid === publication.reception?.mid)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface LayerRowProps {
  publication: RemoteTrackPublication;
  measured: TraceMedia | undefined;
}

function LayerRow({ publication, measured }: LayerRowProps) {
  const texts = messages.value;
  const { reception, kind, source } = publication;
  const layer = reception?.layer;
  const number = (value: number) => formatNumber(value, language.value);
  const detail = [
    measured?.width && measured.height && `${measured.width}×${measured.height}`,
    measured?.fps !== undefined && `${number(measured.fps)} fps`,
    kind === 'video' && texts.layerReason[reception?.reason ?? 'paused'],
  ];
  const part = kind === 'audio' ? texts.wholeTrack : layer && texts.layer(layer.encoding + 1, layer.temporal + 1);
  return (
    <tr data-source={source} data-encoding={layer?.encoding} data-reason={reception?.reason}>
      <th scope="row">
        {texts.source[source] ?? source}
        <span class="details-note">{detail.filter(Boolean).join(' · ')}</span>
      </th>
      <td class="details-layer">{reception ? (part ?? '–') : '–'}</td>
      <td class="numeric">
        {measured?.bitrateBps === undefined ? '–' : formatBitrate(measured.bitrateBps, language.value)}
      </td>
    </tr>
  );
}
