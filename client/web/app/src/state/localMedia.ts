import { signal } from '@preact/signals';
import { createLocalTracks, type LocalTrack, Room } from 'moim-client';
import { preferences } from './preferences.js';

/** What keeps a device from being used. */
export type DeviceFault = 'permissionDenied' | 'notFound' | 'inUse' | 'other';
/** The devices that give media. */
export type DeviceSource = 'microphone' | 'camera';

/** Where one device stands. */
export interface SourceState {
  /** Whether the person wants it on. */
  readonly wanted: boolean;
  /** Whether the browser is asking for permission, or the device is being started. */
  readonly starting: boolean;
  readonly track?: LocalTrack;
  readonly fault?: DeviceFault;
}

/** How long going in waits for devices that are being started, in milliseconds. */
const SETTLE_MS_MAX = 10_000;
/** How long a start may take before it looks as if the browser waits for an answer, in milliseconds. */
const PROMPT_DELAY_MS = 500;

/** The camera and microphone before a call, from the first prompt to handing them over. */
export class LocalMedia {
  /** The microphone. */
  readonly microphone = signal<SourceState>({ wanted: preferences.value.microphoneOn ?? true, starting: false });
  /** The camera. */
  readonly camera = signal<SourceState>({ wanted: preferences.value.cameraOn ?? true, starting: false });
  /** Whether the browser seems to be asking the person for permission. */
  readonly prompting = signal(false);
  /** All devices; without labels until there is permission. */
  readonly devices = signal<readonly MediaDeviceInfo[]>([]);

  readonly #onDeviceChange = () => void this.refreshDevices();
  #released = false;
  /** Starts under way. */
  readonly #pending = new Set<Promise<void>>();

  /** Starts what is wanted, asking for permission once for both where that is possible. */
  start(): Promise<void> {
    return this.#pend(this.#start());
  }

  /** Resolves when nothing is being started any more, or after a while: a browser may wait for an answer for ever. */
  async settled(): Promise<void> {
    const limit = new Promise((resolve) => setTimeout(resolve, SETTLE_MS_MAX));
    await Promise.race([Promise.allSettled(this.#pending), limit]);
  }

  /** Turns a device on or off, and remembers that. Off lets the device go, so that its light goes out. */
  async set(source: DeviceSource, on: boolean): Promise<void> {
    preferences.update(source === 'camera' ? { cameraOn: on } : { microphoneOn: on });
    this.#stop(source);
    this[source].value = { wanted: on, starting: false };
    if (on) await this.#pend(this.#open([source]).then(() => this.refreshDevices()));
  }

  /** Takes another device. */
  async choose(source: DeviceSource, deviceId: string): Promise<void> {
    preferences.update(source === 'camera' ? { cameraId: deviceId } : { microphoneId: deviceId });
    if (this[source].value.wanted) await this.set(source, true);
  }

  /** Looks again which devices there are. */
  async refreshDevices(): Promise<void> {
    this.devices.value = await Room.getLocalDevices().catch(() => []);
  }

  /** Hands the running tracks over: whoever takes them stops them. */
  release(): LocalTrack[] {
    const tracks = [this.microphone.value.track, this.camera.value.track].filter((track) => track !== undefined);
    for (const source of ['microphone', 'camera'] as const) {
      this[source].value = { wanted: this[source].value.wanted, starting: false };
    }
    this.#finish();
    return tracks;
  }

  /** Lets every device go. */
  stop(): void {
    for (const track of this.release()) track.stop();
  }

  async #start(): Promise<void> {
    this.#released = false;
    navigator.mediaDevices.addEventListener('devicechange', this.#onDeviceChange);
    await this.refreshDevices();
    const wanted = (['microphone', 'camera'] as const).filter((source) => this[source].value.wanted);
    if (wanted.length === 0 || this.#released) return;
    if (wanted.length === 1 || !(await this.#open(wanted))) {
      for (const source of wanted) if (this[source].value.wanted && !this.#released) await this.#open([source]);
    }
    await this.refreshDevices();
  }

  #finish(): void {
    this.#released = true;
    navigator.mediaDevices.removeEventListener('devicechange', this.#onDeviceChange);
  }

  #stop(source: DeviceSource): void {
    this[source].value.track?.stop();
  }

  /** Opens devices together; resolves to whether that worked. A fault is noted only when it is one device's. */
  async #open(sources: readonly DeviceSource[]): Promise<boolean> {
    for (const source of sources) {
      this.#stop(source);
      this[source].value = { wanted: true, starting: true };
    }
    const timer = setTimeout(() => {
      this.prompting.value = true;
    }, PROMPT_DELAY_MS);
    try {
      const tracks = await createLocalTracks({
        audio: sources.includes('microphone') && deviceConstraints(preferences.value.microphoneId),
        video: sources.includes('camera') && deviceConstraints(preferences.value.cameraId),
      });
      this.#accept(sources, tracks);
      return true;
    } catch (error) {
      // Together they fail when either does; which one it is shows when each is opened by itself.
      const [only] = sources.length === 1 ? sources : [];
      if (only && this[only].value.wanted) {
        this.#stop(only);
        this[only].value = { wanted: false, starting: false, fault: faultOf(error) };
      }
      return false;
    } finally {
      clearTimeout(timer);
      this.prompting.value = false;
    }
  }

  async #pend(start: Promise<void>): Promise<void> {
    this.#pending.add(start);
    try {
      await start;
    } finally {
      this.#pending.delete(start);
    }
  }

  #accept(sources: readonly DeviceSource[], tracks: readonly LocalTrack[]): void {
    for (const source of sources) {
      const track = tracks.find(({ kind }) => kind === (source === 'camera' ? 'video' : 'audio'));
      // Left, or turned off, while the browser was still asking.
      if (this.#released || !this[source].value.wanted || !track) {
        track?.stop();
        continue;
      }
      // Of two starts at once, as when devices are chosen quickly, the later to arrive stays.
      this.#stop(source);
      this[source].value = { wanted: true, starting: false, track };
    }
  }
}

/** Prefers the remembered device, without failing when it is not plugged in. */
export function deviceConstraints(deviceId: string | undefined): MediaTrackConstraints | true {
  return deviceId ? { deviceId: { ideal: deviceId } } : true;
}

/** What `error` says about the device. */
export function faultOf(error: unknown): DeviceFault {
  const kind = typeof error === 'object' && error !== null && 'kind' in error ? error.kind : undefined;
  return kind === 'permissionDenied' || kind === 'notFound' || kind === 'inUse' ? kind : 'other';
}
