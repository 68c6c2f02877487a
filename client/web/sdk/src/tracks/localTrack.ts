import { captureDevice } from '../devices.js';
import { MediaDeviceError } from '../errors.js';
import type { TrackSource } from '../protocol.js';
import { Track } from './track.js';

/** What a publisher of the track wants to hear of. @internal */
export interface LocalTrackOwner {
  /** Muted or unmuted; a camera's track is another one after that, or none. */
  changed(): Promise<void> | void;
  /** The device is gone and nothing took its place. */
  lost(error: MediaDeviceError): void;
  /** It ended from outside: the browser's own "stop sharing". */
  ended(): void;
}

/** What this participant sends, or will. */
export class LocalTrack extends Track {
  /** Who publishes it, while somebody does. @internal */
  owner: LocalTrackOwner | undefined;
  #constraints: MediaTrackConstraints;
  #muted = false;
  #stopped = false;
  /** Operations go one after another: a quick off-on-off must not leave the camera on. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(mediaStreamTrack: MediaStreamTrack, source: TrackSource, constraints: MediaTrackConstraints = {}) {
    super(mediaStreamTrack, source);
    this.#constraints = constraints;
    this.#watch();
  }

  /** Whether it is silent or dark for now. */
  get isMuted(): boolean {
    return this.#muted;
  }

  /** The device in use, where the browser tells; while it is off, the one that was chosen. */
  get deviceId(): string | undefined {
    const chosen = this.mediaStreamTrack.readyState === 'ended' ? exactDevice(this.#constraints) : undefined;
    return chosen ?? this.mediaStreamTrack.getSettings().deviceId;
  }

  /** What to send: nothing while the camera is off. @internal */
  get sendable(): MediaStreamTrack | null {
    return this.#muted && this.source === 'camera' ? null : this.mediaStreamTrack;
  }

  /** Goes silent or dark. A camera is stopped and its light goes out; a microphone stays open. */
  mute(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#muted) return;
      this.#muted = true;
      this.mediaStreamTrack.enabled = false;
      if (this.source === 'camera') this.mediaStreamTrack.stop();
      await this.owner?.changed();
    });
  }

  /** Sounds or shows again; a camera is started anew. Rejects with {@link MediaDeviceError}. */
  unmute(): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#muted || this.#stopped) return;
      if (this.mediaStreamTrack.readyState === 'ended') await this.#reopen();
      this.mediaStreamTrack.enabled = true;
      this.#muted = false;
      await this.owner?.changed();
    });
  }

  /** Ends it for good and frees the device. */
  stop(): void {
    this.#stopped = true;
    this.mediaStreamTrack.stop();
  }

  /** Takes another device, at once or when it is next unmuted. Rejects with {@link MediaDeviceError}. */
  setDeviceId(id: string): Promise<void> {
    return this.#enqueue(async () => {
      const constraints: MediaTrackConstraints = { ...this.#constraints, deviceId: { exact: id } };
      if (this.mediaStreamTrack.readyState === 'live') {
        await this.#exchange(constraints);
      }
      this.#constraints = constraints;
    });
  }

  /** Opens the chosen device again, or any other where that one was unplugged meanwhile. */
  async #reopen(): Promise<void> {
    try {
      await this.#capture(this.#constraints);
    } catch (error) {
      const isGone = error instanceof MediaDeviceError && error.code === 'notFound';
      if (!isGone || exactDevice(this.#constraints) === undefined) throw error;
      const { deviceId: _gone, ...constraints } = this.#constraints;
      await this.#capture(constraints);
    }
  }

  /** Goes on with another device; if that fails, with the one before, or muted. */
  async #exchange(constraints: MediaTrackConstraints): Promise<void> {
    try {
      await this.#capture(constraints);
    } catch (error) {
      if (this.mediaStreamTrack.readyState === 'ended') {
        await this.#capture(this.#constraints).catch(() => {
          this.#muted = true;
        });
      }
      throw error;
    } finally {
      this.mediaStreamTrack.enabled = !this.#muted;
      await this.owner?.changed();
    }
  }

  async #capture(constraints: MediaTrackConstraints): Promise<void> {
    const before = this.mediaStreamTrack;
    // Many cameras, and every camera in some browsers, can be opened once only.
    if (this.source === 'camera') before.stop();
    const next = await captureDevice(this.kind, constraints);
    if (this.#stopped) {
      next.stop();
      return;
    }
    before.stop();
    this.replaceMediaStreamTrack(next);
    this.#watch();
  }

  #watch(): void {
    const watched = this.mediaStreamTrack;
    if (this.source === 'screenShare') watched.contentHint = 'detail';
    // `ended` comes only for ends that the page did not cause by `stop()`.
    watched.addEventListener('ended', () => {
      if (watched !== this.mediaStreamTrack || this.#stopped) return;
      if (this.source === 'microphone' || this.source === 'camera') void this.#replaceLostDevice();
      else this.owner?.ended();
    });
  }

  /** Goes on with another device of the kind, or mutes. */
  #replaceLostDevice(): Promise<void> {
    return this.#enqueue(async () => {
      const { deviceId: _gone, ...constraints } = this.#constraints;
      try {
        await this.#capture(constraints);
        this.mediaStreamTrack.enabled = !this.#muted;
        this.#constraints = constraints;
      } catch (error) {
        this.#muted = true;
        this.#constraints = constraints;
        this.owner?.lost(error as MediaDeviceError);
      }
      await this.owner?.changed();
    });
  }

  #enqueue(operation: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(operation);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** The device that constraints insist on. */
function exactDevice({ deviceId }: MediaTrackConstraints): string | undefined {
  const exact = typeof deviceId === 'object' && 'exact' in deviceId ? deviceId.exact : undefined;
  return typeof exact === 'string' ? exact : undefined;
}
