import type { ParticipantView, Quality } from '../../state/participantView.js';
import { callMessages } from './messages.js';
import { useCallView } from './view.js';

const BARS: Record<Quality, number> = { excellent: 4, good: 3, poor: 2, lost: 1, unknown: 0 };

/** Four bars for the quality of the connection to somebody; pressed, they open its details. */
export function QualityButton({ person, quality }: { person: ParticipantView; quality: Quality }) {
  const view = useCallView();
  const texts = callMessages.value;
  return (
    <button
      type="button"
      class={`quality quality-${quality}`}
      aria-label={texts.qualityOf(person.name, texts.quality[quality])}
      title={texts.quality[quality]}
      onClick={() => view.showDetailsOf(person.id)}
    >
      <QualityBars quality={quality} />
    </button>
  );
}

/** The bars alone. */
export function QualityBars({ quality }: { quality: Quality }) {
  return (
    <svg viewBox="0 0 16 14" width="16" height="14" aria-hidden="true">
      {[0, 1, 2, 3].map((index) => (
        <rect
          key={index}
          class={index < BARS[quality] ? 'bar bar-on' : 'bar'}
          x={index * 4.2}
          y={10 - index * 3}
          width="3"
          height={4 + index * 3}
          rx="1.2"
        />
      ))}
    </svg>
  );
}
