/** Measures how loud a track is. */
export interface AudioMeter {
  /** Loudness now, 0 to 1. */
  readonly level: number;
  /** Stops measuring and frees what it took. */
  stop(): void;
}

/** Levels below this are taken as silence, in dB relative to full scale. */
const FLOOR_DB = -60;

/** Measures a microphone's track, for a level display. Works from within or after a click (autoplay policy). */
export function createAudioMeter(track: MediaStreamTrack): AudioMeter {
  const context = new AudioContext();
  const source = makeSource(context, track);
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  if (context.state === 'suspended') void context.resume().catch(() => undefined);
  return {
    get level(): number {
      analyser.getFloatTimeDomainData(samples);
      return loudness(samples);
    },
    stop(): void {
      source.disconnect();
      void context.close().catch(() => undefined);
    },
  };
}

/** Browsers have few contexts to give: one that cannot be used goes back. */
function makeSource(context: AudioContext, track: MediaStreamTrack): MediaStreamAudioSourceNode {
  try {
    return context.createMediaStreamSource(new MediaStream([track]));
  } catch (error) {
    void context.close().catch(() => undefined);
    throw error;
  }
}

/** Root mean square of samples, on a scale of decibels mapped to 0 to 1. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms === 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(rms)) / FLOOR_DB));
}
