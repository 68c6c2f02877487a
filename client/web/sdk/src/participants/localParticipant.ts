import type { ChatMessage } from '../chatTypes.js';
import { AUDIO_DEFAULTS, captureDevice, VIDEO_DEFAULTS } from '../devices.js';
import { SignalError } from '../errors.js';
import type { OutgoingFile } from '../files/types.js';
import { byteLength, randomId } from '../ids.js';
import type {
  ClientMessage,
  ParticipantDescription,
  ParticipantId,
  TrackDescription,
  TrackId,
  TrackKind,
  TrackSource,
} from '../protocol.js';
import type { RoomContext } from '../roomContext.js';
import { captureScreen } from '../tracks/capture.js';
import { LocalTrack } from '../tracks/localTrack.js';
import { LocalTrackPublication } from '../tracks/publication.js';
import { Participant } from './participant.js';

/** Something to send to every peer: a track, or the place kept for one. @internal */
export interface LocalMedia {
  /** The id under which it is, or would be, published. */
  readonly id: TrackId;
  /** Sound or picture. */
  readonly kind: TrackKind;
  /** Where it comes from. */
  readonly source: TrackSource;
  /** What to send now, if anything. */
  readonly track: MediaStreamTrack | null;
}

/** The sources every connection keeps a place for, so that turning one on needs no new offer. */
const PLACES: readonly (readonly [TrackSource, TrackKind])[] = [
  ['microphone', 'audio'],
  ['camera', 'video'],
  ['screenShare', 'video'],
  ['screenShareAudio', 'audio'],
];

/** The participant of this page. */
export class LocalParticipant extends Participant {
  override readonly isLocal = true;
  readonly #context: RoomContext;
  readonly #publications = new Map<TrackId, LocalTrackPublication>();
  readonly #places = PLACES.map(([source, kind]) => ({ id: `${source}-${randomId().slice(0, 8)}`, source, kind }));
  /** Publications of which the server has not heard the newest. */
  readonly #untold = new Map<TrackId, number>();
  /** Publications that are being muted by the server's word: it need not be told. */
  readonly #obeying = new Set<TrackId>();
  readonly #devices = new Map<MediaDeviceKind, string>();
  /** One operation per source at a time, in the order they were asked for. */
  readonly #queues = new Map<TrackSource, Promise<unknown>>();

  /** @internal */
  constructor(context: RoomContext) {
    super();
    this.#context = context;
  }

  override get trackPublications(): ReadonlyMap<TrackId, LocalTrackPublication> {
    return this.#publications;
  }

  override getTrackPublication(source: TrackSource): LocalTrackPublication | undefined {
    return super.getTrackPublication(source) as LocalTrackPublication | undefined;
  }

  /**
   * Opens and publishes the microphone, or unmutes it; off mutes it and keeps it open.
   * Rejects with {@link MediaDeviceError}, or {@link SignalError} if the server refuses.
   */
  setMicrophoneEnabled(on: boolean, constraints?: MediaTrackConstraints): Promise<LocalTrackPublication | undefined> {
    return this.#setDeviceEnabled('microphone', on, constraints);
  }

  /**
   * Starts and publishes the camera; off stops the device, so that its light goes out, and keeps it published as muted.
   * Rejects with {@link MediaDeviceError}, or {@link SignalError} if the server refuses.
   */
  setCameraEnabled(on: boolean, constraints?: MediaTrackConstraints): Promise<LocalTrackPublication | undefined> {
    return this.#setDeviceEnabled('camera', on, constraints);
  }

  /**
   * Asks the user for a screen, window or tab and publishes it; off ends it.
   * Rejects with {@link MediaDeviceError} (`permissionDenied` when the user cancels).
   */
  setScreenShareEnabled(on: boolean, options: { audio?: boolean } = {}): Promise<LocalTrackPublication[]> {
    return this.#exclusively('screenShare', async () => {
      const shared = this.#ofSources('screenShare', 'screenShareAudio');
      if (!on) {
        await Promise.all(shared.map((publication) => this.#unpublish(publication)));
        return [];
      }
      if (shared.length > 0) return shared;
      const tracks = await captureScreen(options.audio ?? false);
      try {
        return await Promise.all(tracks.map((track) => this.#publish(track)));
      } catch (error) {
        for (const track of tracks) track.stop();
        await Promise.all(
          this.#ofSources('screenShare', 'screenShareAudio').map((publication) => this.#unpublish(publication)),
        );
        throw error;
      }
    });
  }

  /**
   * Publishes a track: one of `createLocalTracks`, or any of the browser's (a canvas, a file).
   * Rejects with {@link SignalError} if the server refuses. The track is stopped when unpublished.
   */
  publishTrack(
    track: MediaStreamTrack | LocalTrack,
    options: { source?: TrackSource } = {},
  ): Promise<LocalTrackPublication> {
    const local = track instanceof LocalTrack ? track : new LocalTrack(track, options.source ?? 'other');
    return this.#exclusively(local.source, () => this.#publish(local));
  }

  /** Ends a publication and stops its track. Does nothing if it is not published. */
  unpublishTrack(track: MediaStreamTrack | LocalTrack | LocalTrackPublication): Promise<void> {
    const publication = [...this.#publications.values()].find(
      (known) => known === track || known.track === track || known.track.mediaStreamTrack === track,
    );
    if (publication === undefined) return Promise.resolve();
    return this.#exclusively(publication.source, () => this.#unpublish(publication));
  }

  /** Changes what the others call this participant. Rejects with {@link SignalError}. */
  async setName(name: string): Promise<void> {
    this.#assertLength('name', name, this.#context.limits?.nameLenMax);
    return this.#context.request({ type: 'update', name });
  }

  /** Changes the application's own text. Rejects with {@link SignalError}. */
  async setMetadata(metadata: string): Promise<void> {
    this.#assertLength('metadata', metadata, this.#context.limits?.metadataLenMax);
    return this.#context.request({ type: 'update', metadata });
  }

  /**
   * Sends a line of chat to everybody, or to one: by data channel where it is open, otherwise through the server.
   * It comes back as the event `chatMessage` too. Rejects with {@link SignalError}.
   */
  async sendChatMessage(text: string, options: { to?: ParticipantId } = {}): Promise<ChatMessage> {
    this.#assertLength('text', text, this.#context.limits?.chatLenMax);
    return this.#context.sendChat(text, options.to);
  }

  /**
   * Sends bytes to everybody, or to some, by data channel: reliable and in order unless said otherwise.
   * Rejects with {@link ConnectionError} where a channel is not open, or the payload is too long.
   */
  async publishData(
    payload: Uint8Array,
    options: { reliable?: boolean; topic?: string; to?: ParticipantId[] } = {},
  ): Promise<void> {
    this.#context.sendData(payload, options);
  }

  /** Offers a file to everybody, or to some. Each gets it once they accept. Throws {@link ConnectionError} when nobody can be reached. */
  sendFile(file: Blob & { name?: string }, options: { to?: ParticipantId[] } = {}): OutgoingFile {
    return this.#context.sendFile(file, options.to);
  }

  /** The device to open next, or in use. @internal */
  activeDevice(kind: MediaDeviceKind): string | undefined {
    const source = kind === 'audioinput' ? 'microphone' : 'camera';
    return this.getTrackPublication(source)?.track.deviceId ?? this.#devices.get(kind);
  }

  /** Takes another microphone or camera, now and from now on. @internal */
  async switchDevice(kind: 'audioinput' | 'videoinput', deviceId: string): Promise<void> {
    const source = kind === 'audioinput' ? 'microphone' : 'camera';
    await this.#exclusively(source, async () => {
      await this.getTrackPublication(source)?.track.setDeviceId(deviceId);
      this.#devices.set(kind, deviceId);
    });
  }

  /** What every connection carries, always in the same order. @internal */
  get media(): readonly LocalMedia[] {
    const media: LocalMedia[] = this.#places.map(({ id, kind, source }) => ({
      ...{ id, kind, source },
      track: this.#publications.get(id)?.track.sendable ?? null,
    }));
    for (const { id, kind, source, track } of this.#publications.values()) {
      if (!this.#places.some((place) => place.id === id)) media.push({ id, kind, source, track: track.sendable });
    }
    return media;
  }

  /** What is published, to say it again after joining anew. @internal */
  get descriptions(): TrackDescription[] {
    return [...this.#publications.values()].map((publication) => publication.describe());
  }

  /** Does what the server has done to what is published: somebody with the permission muted it, or took the permission to publish. @internal */
  obey(description: ParticipantDescription): void {
    for (const publication of [...this.#publications.values()]) {
      const { id, track } = publication;
      const told = description.tracks.find((known) => known.id === id);
      // While the server has not heard of the newest change, what it says is older.
      if (this.#untold.has(id)) continue;
      if (told?.muted === true && !track.isMuted) {
        this.#obeying.add(id);
        void track.mute().finally(() => this.#obeying.delete(id));
      } else if (told === undefined && !description.permissions.publish) {
        this.#drop(publication);
      }
    }
  }

  /** Ends everything published without asking the server. @internal */
  close(): void {
    for (const publication of [...this.#publications.values()]) this.#forget(publication);
  }

  async #setDeviceEnabled(
    source: 'microphone' | 'camera',
    on: boolean,
    constraints: MediaTrackConstraints = {},
  ): Promise<LocalTrackPublication | undefined> {
    return this.#exclusively(source, async () => {
      const publication = this.getTrackPublication(source);
      if (publication !== undefined) {
        await (on ? publication.track.unmute() : publication.track.mute());
        return publication;
      }
      if (!on) return undefined;
      const audio = source === 'microphone';
      const deviceId = this.#devices.get(audio ? 'audioinput' : 'videoinput');
      const wanted: MediaTrackConstraints = {
        ...(audio
          ? { ...AUDIO_DEFAULTS, ...this.#context.options.audio }
          : { ...VIDEO_DEFAULTS, ...this.#context.options.video }),
        ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }),
        ...constraints,
      };
      const track = new LocalTrack(await captureDevice(audio ? 'audio' : 'video', wanted), source, wanted);
      try {
        return await this.#publish(track);
      } catch (error) {
        track.stop();
        throw error;
      }
    });
  }

  async #publish(track: LocalTrack): Promise<LocalTrackPublication> {
    const known = [...this.#publications.values()].find((publication) => publication.track === track);
    if (known !== undefined) return known;
    if (track.source !== 'other' && this.getTrackPublication(track.source) !== undefined) {
      throw new SignalError(
        'invalidArgument',
        `The ${track.source} is published already. Unpublish it first, or publish this track with the source "other".`,
      );
    }
    const place = this.#places.find(({ source, kind }) => source === track.source && kind === track.kind);
    const publication = new LocalTrackPublication(place?.id ?? `${track.source}-${randomId()}`, track);
    this.#publications.set(publication.id, publication);
    this.#own(publication);
    this.#context.syncMedia();
    try {
      const answer = this.#context.request({ type: 'publish', track: publication.describe() });
      // During an outage the answer may take long, and the track is wanted now: peers have it by their own connections.
      if (this.#context.online) await answer;
      else answer.catch((error) => this.#refused(publication, error));
    } catch (error) {
      if (!isLost(error)) {
        this.#publications.delete(publication.id);
        track.owner = undefined;
        this.#context.syncMedia();
        throw error;
      }
    }
    this.#context.emitFor(this, 'localTrackPublished', publication);
    return publication;
  }

  #refused(publication: LocalTrackPublication, error: unknown): void {
    if (isLost(error)) return;
    this.#context.report(error);
    if (this.#publications.has(publication.id)) this.#drop(publication);
  }

  #drop(publication: LocalTrackPublication): void {
    this.#forget(publication);
    this.#context.syncMedia();
    this.#context.emitFor(this, 'localTrackUnpublished', publication);
  }

  /** Follows what the track does by itself from now on. */
  #own(publication: LocalTrackPublication): void {
    let muted = publication.isMuted;
    publication.track.owner = {
      changed: () => {
        this.#context.syncMedia();
        if (publication.isMuted === muted) return;
        muted = publication.isMuted;
        this.#context.emitFor(this, muted ? 'trackMuted' : 'trackUnmuted', publication);
        if (!this.#obeying.has(publication.id)) this.#tell({ type: 'mute', track: publication.id, muted });
      },
      lost: (error) => this.#context.emit('mediaDevicesError', error),
      ended: () => {
        // A shared tab that closes takes its sound along.
        const ended =
          publication.source === 'screenShare' ? this.#ofSources('screenShare', 'screenShareAudio') : [publication];
        for (const each of ended) void this.unpublishTrack(each).catch((error) => this.#context.report(error));
      },
    };
  }

  async #unpublish(publication: LocalTrackPublication): Promise<void> {
    if (!this.#publications.has(publication.id)) return;
    this.#drop(publication);
    this.#tell({ type: 'unpublish', track: publication.id });
  }

  /** Tells the server of something that has happened already: nobody waits for its answer, which an outage may delay. */
  #tell(message: Extract<ClientMessage, { type: 'mute' | 'unpublish' }>): void {
    const { track } = message;
    this.#untold.set(track, (this.#untold.get(track) ?? 0) + 1);
    this.#context
      .request(message)
      .catch((error) => {
        if (!isLost(error)) this.#context.report(error);
      })
      .finally(() => {
        const left = (this.#untold.get(track) ?? 1) - 1;
        if (left === 0) this.#untold.delete(track);
        else this.#untold.set(track, left);
      });
  }

  #forget(publication: LocalTrackPublication): void {
    this.#publications.delete(publication.id);
    publication.track.owner = undefined;
    publication.track.stop();
    publication.track.detach();
  }

  #ofSources(...sources: TrackSource[]): LocalTrackPublication[] {
    return [...this.#publications.values()].filter(({ source }) => sources.includes(source));
  }

  #exclusively<T>(source: TrackSource, operation: () => Promise<T>): Promise<T> {
    const result = (this.#queues.get(source) ?? Promise.resolve()).then(operation);
    this.#queues.set(
      source,
      result.catch(() => undefined),
    );
    return result;
  }

  #assertLength(what: string, text: string, bytesMax: number | undefined): void {
    const bytes = byteLength(text);
    if (bytesMax === undefined || bytes <= bytesMax) return;
    throw new SignalError(
      'invalidArgument',
      `The ${what} has ${bytes} bytes, and the server takes ${bytesMax}. Shorten it.`,
    );
  }
}

/** Whether a message was lost with its session: after joining anew, everything published is announced again. */
function isLost(error: unknown): boolean {
  return error instanceof SignalError && error.code === 'connectionLost';
}
