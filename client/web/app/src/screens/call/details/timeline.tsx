import type { TraceStep } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatNumber } from '../../../lib/format.js';
import { messages } from './messages.js';
import { stepText } from './stepMessages.js';

/** Everything that happened, with times; each step explains itself when opened. */
export function Timeline({ steps, dropped }: { steps: readonly TraceStep[]; dropped: number }) {
  const texts = messages.value;
  return (
    <>
      <h4>{texts.timeline}</h4>
      {dropped > 0 && <p class="muted details-note">{texts.dropped(dropped)}</p>}
      <ol class="timeline">
        {steps.map((step, index) => (
          <Step key={`${step.time}/${step.code}/${dropped + index}`} step={step} />
        ))}
      </ol>
    </>
  );
}

function Step({ step }: { step: TraceStep }) {
  const known = stepText(step.code);
  const text = known?.text(step.data ?? {}) ?? step.text;
  return (
    <li class={`step step-${step.kind}`} data-code={step.code}>
      <time class="step-time" title={new Date(step.time).toISOString()}>
        {formatNumber(step.at, language.value)} ms
      </time>
      {known ? (
        <details class="step-text">
          <summary>{text}</summary>
          <p class="muted">{known.why}</p>
        </details>
      ) : (
        <span class="step-text">{text}</span>
      )}
    </li>
  );
}
