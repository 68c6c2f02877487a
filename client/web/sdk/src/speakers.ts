import type { LocalParticipant } from './participants/localParticipant.js';
import type { Participant } from './participants/participant.js';
import type { Roster } from './roster.js';
import { type AudioMeter, createAudioMeter } from './tracks/audioMeter.js';
import { VoiceActivity } from './voiceActivity.js';

/** Time between looks, in milliseconds. */
const INTERVAL_MS = 200;
/** The meter's scale is decibels, the others' is linear: 60 dB span the whole of it. */
const METER_DB = 60;

/** Watches who speaks. */
export class Speakers {
  readonly #local: LocalParticipant;
  readonly #roster: Roster;
  readonly #onchange: (speakers: readonly Participant[]) => void;
  readonly #activity = new VoiceActivity<Participant>();
  readonly #localVoice = new LocalVoice();
  readonly #timer: ReturnType<typeof setInterval>;
  #speakers: readonly Participant[] = [];
  #looking = false;
  #stopped = false;

  /** Begins at once; `onchange` gets the speakers, loudest first. */
  constructor(local: LocalParticipant, roster: Roster, onchange: (speakers: readonly Participant[]) => void) {
    this.#local = local;
    this.#roster = roster;
    this.#onchange = onchange;
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
  }

  /** Who speaks, loudest first. */
  get speakers(): readonly Participant[] {
    return this.#speakers;
  }

  /** Stops for good. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#localVoice.stop();
    this.#local.setSpeaking(false, 0);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const levels = new Map<Participant, number>([[this.#local, await this.#localLevel()]]);
      if (this.#stopped) return;
      for (const [participant, connection] of this.#roster.connections) {
        const microphone = participant.getTrackPublication('microphone');
        const receiver = microphone?.isMuted === false ? connection.received.get(microphone.id) : undefined;
        levels.set(participant, receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0);
      }
      const result = this.#activity.update(levels, performance.now());
      for (const [participant, level] of result.levels) {
        participant.setSpeaking(result.speakers.includes(participant), level);
      }
      this.#tell(result.speakers);
    } catch {
      // A connection that closes while it is looked at: the next look does without it.
    } finally {
      this.#looking = false;
    }
  }

  #tell(speakers: readonly Participant[]): void {
    const same =
      speakers.length === this.#speakers.length && speakers.every((speaker, at) => speaker === this.#speakers[at]);
    if (same) return;
    this.#speakers = speakers;
    this.#onchange(speakers);
  }

  #localLevel(): Promise<number> {
    const microphone = this.#local.getTrackPublication('microphone');
    if (microphone === undefined || microphone.isMuted) return Promise.resolve(0);
    const sender = this.#roster.connections[0]?.[1].sender(microphone.id);
    return this.#localVoice.level(microphone.track.mediaStreamTrack, sender);
  }
}

/** The loudness of the local microphone: from the sender's statistics, or measured where the browser leaves it out. */
class LocalVoice {
  #meter: AudioMeter | undefined;
  #measured: MediaStreamTrack | undefined;
  #stopped = false;

  async level(track: MediaStreamTrack, sender: RTCRtpSender | undefined): Promise<number> {
    if (sender === undefined) return 0;
    if (this.#meter === undefined) {
      const level = await this.#fromStats(sender);
      if (level !== undefined || this.#stopped) return level ?? 0;
    }
    if (this.#measured !== track) {
      this.#release();
      this.#meter = createAudioMeter(track);
      this.#measured = track;
    }
    const loudness = this.#meter?.level ?? 0;
    return loudness === 0 ? 0 : 10 ** (((loudness - 1) * METER_DB) / 20);
  }

  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  #release(): void {
    this.#meter?.stop();
    this.#meter = undefined;
    this.#measured = undefined;
  }

  async #fromStats(sender: RTCRtpSender): Promise<number | undefined> {
    let level: number | undefined = 0;
    const report = await sender.getStats();
    report.forEach((entry: { type: string; audioLevel?: number }) => {
      if (entry.type === 'media-source') level = entry.audioLevel;
    });
    return level;
  }
}
