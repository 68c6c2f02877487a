import type { TraceCandidate, TracePair } from 'moim-client';
import { language } from '../../../i18n/language.js';
import { formatNumber } from '../../../lib/format.js';
import { messages } from './messages.js';

/** All pairs of candidates and how their checks went, on demand. */
export function PairsTable({ pairs }: { pairs: readonly TracePair[] }) {
  const texts = messages.value;
  if (pairs.length === 0) return null;
  return (
    <details class="pairs">
      <summary>{texts.pairs(pairs.length)}</summary>
      <table class="details-table">
        <thead>
          <tr>
            <th scope="col">{texts.pairColumn.local}</th>
            <th scope="col">{texts.pairColumn.remote}</th>
            <th scope="col">{texts.pairColumn.state}</th>
            <th scope="col" class="numeric">
              {texts.pairColumn.checks}
            </th>
          </tr>
        </thead>
        <tbody>
          {pairs.map((pair) => (
            <tr key={pair.id} class={pair.selected ? 'pair-selected' : undefined} data-state={pair.state}>
              <td>
                <Candidate candidate={pair.local} />
              </td>
              <td>
                <Candidate candidate={pair.remote} />
              </td>
              <td>
                {pair.selected ? texts.selected : (texts.pairState[pair.state] ?? pair.state)}
                <span class="details-note">
                  {pair.failure
                    ? (texts.failure[pair.failure] ?? pair.failure)
                    : pair.rttMs !== undefined && `${formatNumber(pair.rttMs, language.value)} ms`}
                </span>
              </td>
              <td class="numeric">
                {formatNumber(pair.responsesReceived, language.value)}/{formatNumber(pair.requestsSent, language.value)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Candidate({ candidate }: { candidate: TraceCandidate | undefined }) {
  if (!candidate) return <>–</>;
  const { type, protocol, address, port } = candidate;
  const texts = messages.value;
  return (
    <>
      <span class="mono">
        {address || texts.node.hidden}:{port}
      </span>
      <span class="details-note">
        {protocol.toUpperCase()}, {texts.candidate[type] ?? type}
      </span>
    </>
  );
}
