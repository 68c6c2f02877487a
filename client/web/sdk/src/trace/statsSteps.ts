/** What happened between two looks at a connection. Pure. */
import type { StatsSummary } from './stats.js';
import type { TraceCandidate, TraceMedia, TracePair, TraceStep } from './types.js';

/** A step without its times. */
export type Happening = Pick<TraceStep, 'kind' | 'code' | 'text'> & { readonly data: Record<string, string | number> };

/** The steps that `after` shows and `before` did not. */
export function stepsBetween(before: StatsSummary | undefined, after: StatsSummary): Happening[] {
  return [...pairSteps(before, after), ...dtlsSteps(before, after), ...mediaSteps(before, after)];
}

function pairSteps(before: StatsSummary | undefined, after: StatsSummary): Happening[] {
  return after.pairs.flatMap((pair) => {
    const known = before?.pairs.find(({ id }) => id === pair.id);
    const data = { pair: pair.id, path: describe(pair) };
    const steps: Happening[] = [];
    if (pair.state === 'succeeded' && known?.state !== 'succeeded') {
      steps.push({ kind: 'pair', code: 'pairSucceeded', text: `checks succeeded: ${data.path}`, data });
    }
    if (pair.state === 'failed' && known?.state !== 'failed') {
      steps.push({ kind: 'pair', code: 'pairFailed', text: `checks failed: ${data.path}`, data });
    }
    if (pair.selected && known?.selected !== true) {
      steps.push({ kind: 'pair', code: 'pairSelected', text: `media takes: ${data.path}`, data });
    }
    return steps;
  });
}

function dtlsSteps(before: StatsSummary | undefined, after: StatsSummary): Happening[] {
  const { cipher, srtpCipher, version } = after.dtls ?? {};
  if (cipher === undefined || before?.dtls?.cipher === cipher) return [];
  const data = { cipher, version: version ?? '', srtpCipher: srtpCipher ?? '' };
  return [{ kind: 'dtls', code: 'dtlsAgreed', text: `DTLS ${data.version} with ${cipher}, ${data.srtpCipher}`, data }];
}

function mediaSteps(before: StatsSummary | undefined, after: StatsSummary): Happening[] {
  return after.media.flatMap((media) => {
    const known = before?.media.find((other) => same(media, other));
    const { direction, kind, mid, source } = media;
    const data = { mid, kind, direction, source };
    const verb = direction === 'send' ? 'sent' : 'received';
    const steps: Happening[] = [];
    if (media.packets > 0 && !known?.packets) {
      steps.push({
        kind: 'media',
        code: `firstPacket${suffix(direction)}`,
        text: `${verb} the first packet of ${source}`,
        data,
      });
    }
    if ((media.frames ?? 0) > 0 && !known?.frames) {
      steps.push({
        kind: 'media',
        code: `firstFrame${suffix(direction)}`,
        text: `${verb} the first frame of ${source}`,
        data,
      });
    }
    return steps;
  });
}

function same(media: TraceMedia, other: TraceMedia): boolean {
  const { mid, direction, kind, rid } = other;
  return media.mid === mid && media.direction === direction && media.kind === kind && media.rid === rid;
}

function suffix(direction: TraceMedia['direction']): string {
  return direction === 'send' ? 'Sent' : 'Received';
}

function describe({ local, remote }: TracePair): string {
  const name = (candidate: TraceCandidate | undefined) =>
    candidate === undefined
      ? 'unknown'
      : `${candidate.type} ${candidate.protocol} ${candidate.address || 'hidden'}:${candidate.port}`;
  return `${name(local)} to ${name(remote)}`;
}
