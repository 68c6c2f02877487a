import type { LocalMedia } from '../participants/localParticipant.js';
import type { Sections } from '../peer/transceivers.js';
import type { MidTrack, ParticipantId, SectionContent, TrackId, TrackKind } from '../protocol.js';
import { forwardableCodecs } from './codecs.js';
import { initialEncodings, tunedEncodings } from './encodings.js';

/**
 * Most sections that receive sound, and pictures. A section takes up to 2 KiB of an offer, and a server takes 64 KiB: more than these
 * would outgrow it.
 */
const SECTIONS_MAX = { audio: 8, video: 18 } as const;

/** How many sections receive. */
export interface SectionCounts {
  readonly audio: number;
  readonly video: number;
}

/** A track of somebody's that a section shows, and how. */
export interface Forwarded {
  readonly participant: ParticipantId;
  readonly track: TrackId;
  readonly receiver: RTCRtpReceiver;
  readonly content: SectionContent;
}

interface Sending {
  readonly transceiver: RTCRtpTransceiver;
  media: LocalMedia;
  /** The encodings that somebody watches; unknown at first. */
  wanted: readonly number[] | undefined;
  /** Changes of the sender go one after another. */
  queue: Promise<void>;
}

/**
 * The sections of a connection to the server: one for each track that is published, and a number of others, of which the server
 * says what they show.
 */
export class ServerSections implements Sections {
  readonly #connection: RTCPeerConnection;
  readonly #sending = new Map<TrackId, Sending>();
  readonly #receiving: Record<TrackKind, RTCRtpTransceiver[]> = { audio: [], video: [] };
  readonly #contents = new Map<string, SectionContent>();
  #wanted: SectionCounts;

  /** Works on `connection`; `counts` is with how many receiving sections it begins. */
  constructor(connection: RTCPeerConnection, counts: SectionCounts) {
    this.#connection = connection;
    this.#wanted = counts;
  }

  /** Sends exactly `media`. What has no section yet gets one, which the browser asks to negotiate. */
  send(media: readonly LocalMedia[]): void {
    for (const item of media) {
      const known = this.#sending.get(item.id);
      if (known === undefined) this.#sending.set(item.id, this.#begin(item));
      else if (known.media.track !== item.track) {
        known.media = item;
        this.#tune(known);
      }
    }
    for (const [id, sending] of this.#sending) {
      if (media.some((wanted) => wanted.id === id)) continue;
      this.#sending.delete(id);
      sending.transceiver.direction = 'inactive';
      sending.media = { ...sending.media, track: null };
      this.#tune(sending);
    }
    // After those that send, as the first offer has them.
    this.#receive();
  }

  /** Receives in so many sections from now on; there are never fewer than before. */
  want(counts: SectionCounts): void {
    this.#wanted = counts;
    this.#receive();
  }

  /** Sends those encodings of a track that somebody watches. */
  setWanted(track: TrackId, encodings: readonly number[]): void {
    const sending = this.#sending.get(track);
    if (sending === undefined) return;
    sending.wanted = encodings;
    this.#tune(sending);
  }

  /** Takes what the server says that sections show. */
  take(contents: readonly SectionContent[]): void {
    for (const content of contents) {
      // Last, as the newest: where two sections name one track, this one carries it.
      this.#contents.delete(content.mid);
      this.#contents.set(content.mid, content);
    }
  }

  /** What is shown, the newest last. */
  get forwarded(): Forwarded[] {
    const receivers = new Map(
      [...this.#receiving.audio, ...this.#receiving.video].map(({ mid, receiver }) => [mid, receiver]),
    );
    return [...this.#contents.values()].flatMap((content) => {
      const receiver = receivers.get(content.mid);
      return receiver === undefined || content.source === undefined ? [] : [{ ...content.source, receiver, content }];
    });
  }

  /** Whether another track could be shown in a section of its own. */
  hasFree(kind: TrackKind): boolean {
    return this.#receiving[kind].some(({ mid }) => this.#contents.get(mid ?? '')?.source === undefined);
  }

  describe(): MidTrack[] {
    return [...this.#sending].flatMap(
      ([
        track,
        {
          transceiver: { mid },
        },
      ]) => (mid === null ? [] : [{ mid, track }]),
    );
  }

  /** The server publishes nothing of its own. */
  describedRemotely(): void {}

  names(): Map<string, string> {
    const names = new Map<string, string>();
    for (const { mid, track } of this.describe()) names.set(`send ${mid}`, track);
    for (const { mid, source } of this.#contents.values()) {
      if (source !== undefined) names.set(`receive ${mid}`, forwardedName(source.participant, source.track));
    }
    return names;
  }

  sender(id: TrackId): RTCRtpSender | undefined {
    return this.#sending.get(id)?.transceiver.sender;
  }

  #begin(media: LocalMedia): Sending {
    const transceiver = this.#connection.addTransceiver(media.kind, {
      direction: 'sendonly',
      ...(media.kind === 'video' ? { sendEncodings: initialEncodings(media.source) } : {}),
    });
    prefer(transceiver, 'sender', media.kind);
    const sending: Sending = { transceiver, media, wanted: undefined, queue: Promise.resolve() };
    if (media.track !== null) this.#tune(sending);
    return sending;
  }

  #receive(): void {
    for (const kind of ['audio', 'video'] as const) {
      const receiving = this.#receiving[kind];
      const count = Math.min(this.#wanted[kind], SECTIONS_MAX[kind]);
      while (receiving.length < count) {
        const transceiver = this.#connection.addTransceiver(kind, { direction: 'recvonly' });
        prefer(transceiver, 'receiver', kind);
        receiving.push(transceiver);
      }
    }
  }

  /** Puts track and encodings in place, as they then are. A connection that closes meanwhile needs neither. */
  #tune(sending: Sending): void {
    sending.queue = sending.queue
      .then(async () => {
        const { media, wanted, transceiver } = sending;
        const { sender } = transceiver;
        if (media.kind === 'video' && media.track !== null) {
          const parameters = sender.getParameters();
          const { width, height } = media.track.getSettings();
          const size = width === undefined || height === undefined ? undefined : { width, height };
          const tuned = tunedEncodings(media.source, size, parameters.encodings.length, wanted);
          for (const [place, encoding] of parameters.encodings.entries()) Object.assign(encoding, tuned[place]);
          await sender.setParameters(parameters);
        }
        if (sender.track !== media.track) await sender.replaceTrack(media.track);
      })
      .catch(() => undefined);
  }
}

/** How a forwarded track is named among the sections of one connection. */
export function forwardedName(participant: ParticipantId, track: TrackId): string {
  return `${participant}/${track}`;
}

/** Offers the codecs that can be forwarded, and no others. */
function prefer(transceiver: RTCRtpTransceiver, end: 'sender' | 'receiver', kind: TrackKind): void {
  const codecs = forwardableCodecs(end, kind);
  if (codecs === undefined) return;
  try {
    transceiver.setCodecPreferences(codecs);
  } catch {
    // A browser that counts otherwise what it can do offers all of it.
  }
}
