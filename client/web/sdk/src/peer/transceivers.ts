import type { LocalMedia } from '../participants/localParticipant.js';
import type { MidTrack, TrackId } from '../protocol.js';

/** Media sections that another participant may name in one description. */
const SECTIONS_MAX = 64;

/** Which media section carries which track, in both directions, of one connection. */
export interface Sections {
  /** Sends exactly this from now on. */
  send(media: readonly LocalMedia[]): void;
  /** What to say of our own sections in an offer or answer. */
  describe(): MidTrack[];
  /** Takes what the other side says of its sections. */
  describedRemotely(tracks: readonly MidTrack[]): void;
  /** What the sections carry, as the trace names it: by direction and section (`send 0`). */
  names(): Map<string, string>;
  /** The sender of one of our tracks. */
  sender(id: TrackId): RTCRtpSender | undefined;
}

/** The sections of a connection to another participant: each carries one track of either side. */
export class Transceivers implements Sections {
  readonly #connection: RTCPeerConnection;
  readonly #sending = new Map<TrackId, RTCRtpTransceiver>();
  #receiving = new Map<string, TrackId>();

  /** Works on `connection`. */
  constructor(connection: RTCPeerConnection) {
    this.#connection = connection;
  }

  /**
   * Sends exactly `media`. A track without a section takes a free one of its kind, which the other side's offer may
   * have brought, and otherwise a new one. Either, and giving one up, makes the browser ask for negotiation where needed.
   */
  send(media: readonly LocalMedia[]): void {
    for (const { id, kind, track } of media) {
      let transceiver = this.#sending.get(id);
      if (transceiver === undefined) {
        transceiver = this.#free(kind) ?? this.#connection.addTransceiver(kind);
        transceiver.direction = 'sendrecv';
        this.#sending.set(id, transceiver);
      }
      if (transceiver.sender.track !== track) {
        // It fails only when the connection is closed, or the kind is another one, and neither is so here.
        transceiver.sender.replaceTrack(track).catch(() => undefined);
      }
    }
    for (const [id, transceiver] of this.#sending) {
      if (media.some((wanted) => wanted.id === id)) continue;
      this.#sending.delete(id);
      // Stopping the section would take from the other side what it sends in it.
      transceiver.direction = 'recvonly';
      transceiver.sender.replaceTrack(null).catch(() => undefined);
    }
  }

  /** What to say of our own sections in an offer or answer. */
  describe(): MidTrack[] {
    return [...this.#sending].flatMap(([track, { mid }]) => (mid === null ? [] : [{ mid, track }]));
  }

  /** Takes what the other side says of its sections. */
  describedRemotely(tracks: readonly MidTrack[]): void {
    this.#receiving = new Map(tracks.slice(0, SECTIONS_MAX).map(({ mid, track }) => [mid, track]));
  }

  /** The other side's media, by track. */
  received(): Map<TrackId, RTCRtpReceiver> {
    const received = new Map<TrackId, RTCRtpReceiver>();
    for (const { mid, receiver, currentDirection } of this.#connection.getTransceivers()) {
      const track = mid === null ? undefined : this.#receiving.get(mid);
      if (track !== undefined && currentDirection !== 'stopped') received.set(track, receiver);
    }
    return received;
  }

  /** Track ids by direction and section, as the trace names them. */
  names(): Map<string, TrackId> {
    const names = new Map<string, TrackId>();
    for (const { mid, track } of this.describe()) names.set(`send ${mid}`, track);
    for (const [mid, track] of this.#receiving) names.set(`receive ${mid}`, track);
    return names;
  }

  /** The sender of a track. */
  sender(id: TrackId): RTCRtpSender | undefined {
    return this.#sending.get(id)?.sender;
  }

  /** A section that neither carries a track of ours nor is still taken for one by the other side. */
  #free(kind: string): RTCRtpTransceiver | undefined {
    const taken = new Set(this.#sending.values());
    return this.#connection
      .getTransceivers()
      .find(
        (transceiver) =>
          transceiver.receiver.track.kind === kind &&
          transceiver.direction !== 'stopped' &&
          transceiver.currentDirection !== 'sendrecv' &&
          transceiver.currentDirection !== 'sendonly' &&
          !taken.has(transceiver),
      );
  }
}
