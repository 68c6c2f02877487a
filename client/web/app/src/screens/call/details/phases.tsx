import type { TraceStep } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatNumber } from '../../../lib/format.js';
import { lastAttempt, phasesOf } from '../../../lib/tracePhases.js';
import { messages } from './messages.js';

/** How the time until the first picture was spent, as bars on one scale. */
export function Phases({ steps }: { steps: readonly TraceStep[] }) {
  const texts = messages.value;
  const began = lastAttempt(steps)[0];
  const phases = phasesOf(steps, began ? Date.now() - began.time + began.at : 0);
  const total = Math.max(1, ...phases.map(({ end }) => end));
  if (phases.length === 0) return null;
  return (
    <>
      <h4>{texts.phases}</h4>
      <ul class="phases">
        {phases.map(({ name, start, end, done }) => (
          <li key={name} class={`phase phase-${name}${done ? '' : ' phase-running'}`}>
            <span class="phase-name">{texts.phase[name]}</span>
            <span class="phase-track">
              <span
                class="phase-bar"
                style={{ '--start': `${(start / total) * 100}%`, '--width': `${((end - start) / total) * 100}%` }}
              />
            </span>
            <span class="phase-time">
              {done ? texts.took(formatNumber(end - start, language.value)) : texts.running}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
