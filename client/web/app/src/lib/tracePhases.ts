/** Reads from the steps of a connection how long each part of connecting took. Pure. */

/** The parts of connecting, in the order they usually begin. */
export type PhaseName = 'signalling' | 'gathering' | 'ice' | 'dtls' | 'media';

/** One part, in milliseconds since the attempt began. */
export interface Phase {
  readonly name: PhaseName;
  readonly start: number;
  readonly end: number;
  /** Whether it came to its end, or is still under way. */
  readonly done: boolean;
}

/** The parts of a step that count. */
export interface PhaseStep {
  readonly at: number;
  readonly code: string;
}

/** Which codes begin and end a phase. */
const BOUNDS: readonly { name: PhaseName; begin: readonly string[]; end: readonly string[] }[] = [
  {
    name: 'signalling',
    begin: ['attemptBegan', 'attemptAccepted', 'offerSent', 'offerReceived'],
    end: ['answerReceived', 'answerSent'],
  },
  { name: 'gathering', begin: ['gatheringBegan', 'localCandidate'], end: ['gatheringComplete'] },
  { name: 'ice', begin: ['iceChecking'], end: ['iceConnected', 'iceCompleted'] },
  { name: 'dtls', begin: ['dtlsConnecting', 'iceConnected'], end: ['dtlsConnected', 'dtlsAgreed'] },
  {
    name: 'media',
    begin: ['dtlsConnected', 'dtlsAgreed'],
    end: ['firstFrameReceived', 'firstPacketReceived'],
  },
];

/** The steps since the last attempt to connect began. */
export function lastAttempt<S extends PhaseStep>(steps: readonly S[]): readonly S[] {
  const begin = steps.findLastIndex(({ code }) => code === 'attemptBegan' || code === 'attemptAccepted');
  return begin < 0 ? steps : steps.slice(begin);
}

/** The phases that the newest attempt has come to. `now` closes what is still under way. */
export function phasesOf(steps: readonly PhaseStep[], now: number): Phase[] {
  const attempt = lastAttempt(steps);
  return BOUNDS.flatMap(({ name, begin, end }) => {
    const start = attempt.find(({ code }) => begin.includes(code));
    if (!start) return [];
    // In order of preference: the first frame says more than the first packet.
    const finish = end.map((code) => attempt.find((step) => step.code === code)).find((step) => step !== undefined);
    return [{ name, start: start.at, end: Math.max(start.at, finish?.at ?? now), done: finish !== undefined }];
  });
}
