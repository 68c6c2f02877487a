import type { TraceMedia } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatBitrate, formatNumber } from '../../../lib/format.js';
import { messages } from './messages.js';

/** Every track in each direction. Places that are kept open but carry nothing are left out. */
export function MediaTable({ media }: { media: readonly TraceMedia[] }) {
  const texts = messages.value;
  const active = media.filter(({ packets }) => packets > 0);
  if (active.length === 0) return null;
  return (
    <>
      <h4>{texts.media}</h4>
      <table class="details-table">
        <thead>
          <tr>
            <th scope="col">{texts.mediaColumn.what}</th>
            <th scope="col">{texts.mediaColumn.codec}</th>
            <th scope="col" class="numeric">
              {texts.mediaColumn.bitrate}
            </th>
          </tr>
        </thead>
        <tbody>
          {active.map((item) => (
            <tr key={`${item.direction}/${item.mid}/${item.kind}/${item.rid}`}>
              <th scope="row">
                {texts.source[item.source ?? item.kind] ?? item.source}{' '}
                <span class="muted">{texts.direction[item.direction]}</span>
                <span class="details-note">{detail(item)}</span>
              </th>
              <td>{item.codec?.replace(/^(audio|video)\//, '') ?? '–'}</td>
              <td class="numeric">
                {item.bitrateBps === undefined ? '–' : formatBitrate(item.bitrateBps, language.value)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function detail(item: TraceMedia): string {
  const texts = messages.value;
  const number = (value: number, digits = 0) => formatNumber(value, language.value, digits);
  const { limitation } = item;
  return [
    item.width && item.height && `${item.width}×${item.height}`,
    item.fps !== undefined && `${number(item.fps)} fps`,
    item.lost !== undefined && texts.lost(number(item.lost)),
    item.jitterMs !== undefined && texts.jitter(number(item.jitterMs, 1)),
    item.freezes !== undefined && item.freezes > 0 && texts.freezes(item.freezes),
    limitation && limitation !== 'none' && texts.limited(texts.limitation[limitation] ?? limitation),
  ]
    .filter(Boolean)
    .join(' · ');
}
