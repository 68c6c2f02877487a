import { signal } from '@preact/signals';
import { type LocalTrack, MoimError, Room } from 'moim-client';
import { Call } from './call.js';
import { deviceConstraints, LocalMedia } from './localMedia.js';
import { preferences } from './preferences.js';
import { linkToken } from './router.js';

/** Where a visit to a room stands. */
export type Phase =
  | { readonly kind: 'prejoin' }
  | { readonly kind: 'joining' }
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'ended'; readonly reason: string };

/** One visit to a room, from the page before the call to the page after it. */
export class Session {
  /** Where it stands. */
  readonly phase = signal<Phase>({ kind: 'prejoin' });
  /** The devices before the call. */
  readonly media = new LocalMedia();
  /** The room's name. */
  readonly roomName: string;

  #abort: AbortController | undefined;

  /** Begins a visit to `roomName`; nothing is connected yet. */
  constructor(roomName: string) {
    this.roomName = roomName;
  }

  /** Enters the room under `name` with the devices that are on. */
  async join(name: string): Promise<void> {
    preferences.update({ name });
    const abort = this.#beginJoining();
    await this.media.settled();
    if (abort.signal.aborted) return;
    const tracks = this.media.release();
    const { microphoneId, cameraId, speakerId, relayOnly } = preferences.value;
    const room = new Room({
      ...roomDevice('audio', microphoneId),
      ...roomDevice('video', cameraId),
      ...(relayOnly ? { rtcConfiguration: { iceTransportPolicy: 'relay' } } : {}),
    });
    const call = new Call(room, this.roomName, (reason) => {
      this.phase.value = { kind: 'ended', reason };
    });
    try {
      const token = linkToken();
      await room.connect(location.origin, {
        room: this.roomName,
        name,
        signal: abort.signal,
        ...(token === undefined ? {} : { token }),
      });
    } catch (error) {
      call.dispose();
      stopAll(tracks);
      if (!abort.signal.aborted) this.phase.value = { kind: 'ended', reason: codeOf(error) };
      return;
    }
    preferences.rememberRoom(this.roomName);
    // A speaker that is not plugged in now: sound then comes from the system's own choice.
    if (speakerId) room.switchActiveDevice('audiooutput', speakerId).catch(() => {});
    await call.publish(tracks);
    // The room may have been left, or have thrown us out, in the meantime.
    if (this.phase.peek().kind === 'joining' && !abort.signal.aborted) this.phase.value = { kind: 'call', call };
    else await call.leave();
  }

  /** Leaves the call. */
  async leave(): Promise<void> {
    const { value } = this.phase;
    this.phase.value = { kind: 'ended', reason: 'clientInitiated' };
    if (value.kind === 'call') await value.call.leave();
  }

  /** Enters again as before. */
  async rejoin(): Promise<void> {
    const abort = this.#beginJoining();
    await this.media.start();
    if (!abort.signal.aborted) await this.join(preferences.value.name ?? '');
  }

  /** Gives up entering and goes back to the page before the call. */
  cancelJoin(): void {
    this.#abort?.abort();
    this.phase.value = { kind: 'prejoin' };
  }

  /** Ends everything; for when the page shows something else. */
  dispose(): void {
    this.#abort?.abort();
    this.media.stop();
    if (this.phase.peek().kind === 'call') void this.leave();
  }

  /** Of several attempts to enter, the newest goes on. */
  #beginJoining(): AbortController {
    this.#abort?.abort();
    this.#abort = new AbortController();
    this.phase.value = { kind: 'joining' };
    return this.#abort;
  }
}

function roomDevice(kind: 'audio' | 'video', deviceId: string | undefined): Record<string, MediaTrackConstraints> {
  const constraints = deviceConstraints(deviceId);
  return constraints === true ? {} : { [kind]: constraints };
}

function codeOf(error: unknown): string {
  return error instanceof MoimError ? error.code : 'unknown';
}

function stopAll(tracks: readonly LocalTrack[]): void {
  for (const track of tracks) track.stop();
}
