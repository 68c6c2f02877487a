import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { toDeviceError } from '../src/devices.js';
import type { MediaDeviceError } from '../src/errors.js';
import { LocalTrack } from '../src/tracks/localTrack.js';

/** A device's track that can be unplugged. */
class FakeTrack extends EventTarget {
  readyState = 'live';
  enabled = true;
  contentHint = '';
  readonly deviceId: string;
  readonly kind: string;

  constructor(kind: string, deviceId: string) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
  }

  stop(): void {
    this.readyState = 'ended';
  }

  unplug(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId };
  }
}

const opened: FakeTrack[] = [];
let refusal: DOMException | undefined;
let refuse: (deviceId: string | undefined) => DOMException | undefined;

beforeEach(() => {
  opened.length = 0;
  refusal = undefined;
  refuse = () => refusal;
  vi.stubGlobal('navigator', {
    mediaDevices: {
      getUserMedia: async (wanted: Record<string, { deviceId?: { exact: string } }>) => {
        const [kind, constraints] = Object.entries(wanted)[0] ?? ['video', {}];
        const refused = refuse(constraints.deviceId?.exact);
        if (refused !== undefined) throw refused;
        const track = new FakeTrack(kind, constraints.deviceId?.exact ?? 'default');
        opened.push(track);
        return { getTracks: () => [track] };
      },
    },
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function make(source: 'camera' | 'microphone' | 'screenShare') {
  const first = new FakeTrack(source === 'microphone' ? 'audio' : 'video', 'first');
  const track = new LocalTrack(first as unknown as MediaStreamTrack, source, { deviceId: { exact: 'first' } });
  const log: string[] = [];
  track.owner = {
    changed: () => void log.push(track.isMuted ? 'muted' : 'live'),
    lost: ({ code }: MediaDeviceError) => void log.push(`lost ${code}`),
    ended: () => void log.push('ended'),
  };
  return { first, track, log };
}

test('a muted camera is stopped and sends nothing; unmuted, it is opened again', async () => {
  const { first, track } = make('camera');
  await track.mute();
  expect([first.readyState, track.sendable]).toEqual(['ended', null]);
  await track.unmute();
  expect(opened.map(({ deviceId }) => deviceId)).toEqual(['first']);
  expect(track.sendable).toBe(opened[0]);
});

test('a muted microphone stays open', async () => {
  const { first, track } = make('microphone');
  await track.mute();
  expect([first.readyState, first.enabled]).toEqual(['live', false]);
  await track.unmute();
  expect([opened.length, first.enabled]).toEqual([0, true]);
});

test('whoever switches quickly ends up with the last of it', async () => {
  const { track } = make('camera');
  await Promise.all([track.mute(), track.unmute(), track.mute(), track.unmute(), track.mute()]);
  expect(track.isMuted).toBe(true);
  expect(opened.every(({ readyState }) => readyState === 'ended')).toBe(true);
});

test('a camera that cannot be opened again stays muted', async () => {
  const { track, log } = make('camera');
  await track.mute();
  refusal = new DOMException('taken', 'NotReadableError');
  await expect(track.unmute()).rejects.toMatchObject({ kind: 'inUse' });
  expect([track.isMuted, log]).toEqual([true, ['muted']]);
});

test('when a device vanishes another takes its place', async () => {
  const { first, track, log } = make('camera');
  first.unplug();
  await expect.poll(() => log).toEqual(['live']);
  expect(track.deviceId).toBe('default');
});

test('when there is no other, the track is muted and says why', async () => {
  const { first, track, log } = make('microphone');
  refusal = new DOMException('none', 'NotFoundError');
  first.unplug();
  await expect.poll(() => log).toEqual(['lost notFound', 'muted']);
  expect(track.isMuted).toBe(true);
});

test('another device replaces the one in use, and the one before is freed', async () => {
  const { first, track } = make('microphone');
  await track.setDeviceId('second');
  expect([track.deviceId, first.readyState]).toEqual(['second', 'ended']);
});

test('a screen that the browser stops sharing is over', async () => {
  const { first, track, log } = make('screenShare');
  expect(first.contentHint).toBe('detail');
  first.unplug();
  expect(log).toEqual(['ended']);
  track.stop();
});

test.each([
  ['NotAllowedError', 'permissionDenied'],
  ['NotFoundError', 'notFound'],
  ['OverconstrainedError', 'notFound'],
  ['NotReadableError', 'inUse'],
  ['TypeError', 'other'],
])('%s means %s', (name, kind) => {
  const error = toDeviceError(new DOMException('x', name), 'camera');
  expect([error.kind, error.code, error.device, error.name]).toEqual([kind, kind, 'camera', 'MediaDeviceError']);
});

test('a camera that cannot be changed for another goes on', async () => {
  const { track, log } = make('camera');
  const refused = new DOMException('busy', 'NotReadableError');
  refuse = (deviceId) => (deviceId === 'second' ? refused : undefined);
  await expect(track.setDeviceId('second')).rejects.toMatchObject({ code: 'inUse' });
  expect(track).toMatchObject({ isMuted: false, deviceId: 'first' });
  expect(track.mediaStreamTrack.readyState).toBe('live');
  expect(log).toEqual(['live']);
});

test('a camera that neither can be changed nor goes on is muted', async () => {
  const { track, log } = make('camera');
  refuse = () => new DOMException('busy', 'NotReadableError');
  await expect(track.setDeviceId('second')).rejects.toMatchObject({ code: 'inUse' });
  expect(track.isMuted).toBe(true);
  expect(log).toEqual(['muted']);
});

test('a camera that was unplugged while it was off is replaced when it is turned on', async () => {
  const { track } = make('camera');
  await track.mute();
  refuse = (deviceId) => (deviceId === 'first' ? new DOMException('gone', 'OverconstrainedError') : undefined);
  await track.unmute();
  expect(track).toMatchObject({ isMuted: false, deviceId: 'default' });
});

test('a device chosen while the camera is off is the one in use', async () => {
  const { track } = make('camera');
  await track.mute();
  await track.setDeviceId('second');
  expect(track.deviceId).toBe('second');
});
