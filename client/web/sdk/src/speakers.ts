import type { LocalParticipant } from './participants/localParticipant.js';
import type { Participant } from './participants/participant.js';
import type { RemoteParticipant } from './participants/remoteParticipant.js';
import type { ParticipantId, TrackId } from './protocol.js';
import { type AudioMeter, createAudioMeter } from './tracks/audioMeter.js';
import { VoiceActivity } from './voiceActivity.js';

/** Time between looks, in milliseconds. */
const INTERVAL_MS = 200;
/** The meter's scale is decibels, the others' is linear: 60 dB span the whole of it. */
const METER_DB = 60;

/** What it needs of its room. */
export interface SpeakersContext {
  readonly local: LocalParticipant;
  readonly remotes: ReadonlyMap<ParticipantId, RemoteParticipant>;
  /** The sender of one of our tracks, of any connection. */
  sender(id: TrackId): RTCRtpSender | undefined;
  /** Who speaks by the word of the server, which hears everybody; `undefined` where it hears nobody. */
  heard(): readonly ParticipantId[] | undefined;
  /** Gets the speakers, loudest first. */
  onchange(speakers: readonly Participant[]): void;
}

/** Watches who speaks. */
export class Speakers {
  readonly #context: SpeakersContext;
  readonly #activity = new VoiceActivity<Participant>();
  readonly #localVoice = new LocalVoice();
  readonly #timer: ReturnType<typeof setInterval>;
  #speakers: readonly Participant[] = [];
  #looking = false;
  #stopped = false;

  /** Begins at once. */
  constructor(context: SpeakersContext) {
    this.#context = context;
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
    this.#context.local.setSpeaking(false, 0);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { local, remotes } = this.#context;
      const levels = new Map<Participant, number>([[local, await this.#localLevel()]]);
      if (this.#stopped) return;
      for (const participant of remotes.values()) {
        const microphone = participant.getTrackPublication('microphone');
        const receiver = microphone?.isMuted === false ? participant.receiver(microphone.id) : undefined;
        levels.set(participant, receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0);
      }
      const measured = this.#activity.update(levels, performance.now());
      const speakers = this.#heard() ?? measured.speakers;
      for (const [participant, level] of measured.levels)
        participant.setSpeaking(speakers.includes(participant), level);
      this.#tell(speakers);
    } catch {
      // A connection that closes while it is looked at: the next look does without it.
    } finally {
      this.#looking = false;
    }
  }

  /** Of whom the server says that they speak, those that are here. */
  #heard(): Participant[] | undefined {
    const { local, remotes, heard } = this.#context;
    return heard()?.flatMap((id) => (id === local.id ? local : (remotes.get(id) ?? [])));
  }

  #tell(speakers: readonly Participant[]): void {
    const same =
      speakers.length === this.#speakers.length && speakers.every((speaker, at) => speaker === this.#speakers[at]);
    if (same) return;
    this.#speakers = speakers;
    this.#context.onchange(speakers);
  }

  #localLevel(): Promise<number> {
    const microphone = this.#context.local.getTrackPublication('microphone');
    if (microphone === undefined || microphone.isMuted) return Promise.resolve(0);
    const sender = this.#context.sender(microphone.id);
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
