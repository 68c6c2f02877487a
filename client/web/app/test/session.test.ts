import { beforeEach, expect, test, vi } from 'vitest';
import type { LocalMedia as LocalMediaType } from '../src/state/localMedia.js';
import type { Session as SessionType } from '../src/state/session.js';

/** What the library is asked for, and how it answers. */
const library = vi.hoisted(() => {
  const page = new EventTarget();
  Object.assign(globalThis, {
    location: { pathname: '/r/tea', origin: 'https://meet.test', hash: '', search: '' },
    document: { documentElement: {} },
    addEventListener: () => undefined,
  });
  Object.defineProperty(globalThis, 'navigator', { value: { mediaDevices: page, languages: ['en'] } });
  return { connects: [] as string[], open: (() => Promise.resolve([])) as (wanted: object) => Promise<object[]> };
});
vi.mock('moim-client', () => ({
  MoimError: class extends Error {},
  createLocalTracks: (wanted: object) => library.open(wanted),
  Room: class {
    static getLocalDevices = async () => [];
    connect = async (url: string) => void library.connects.push(url);
  },
}));
vi.mock('../src/state/call.js', () => ({
  Call: class {
    publish = async () => undefined;
    leave = async () => undefined;
    dispose = () => undefined;
  },
}));

let Session: typeof SessionType;
let LocalMedia: typeof LocalMediaType;

beforeEach(async () => {
  library.connects.length = 0;
  ({ Session } = await import('../src/state/session.js'));
  ({ LocalMedia } = await import('../src/state/localMedia.js'));
});

/** A track that tells whether its device is open. */
function fakeTrack(kind: string) {
  return {
    kind,
    live: true,
    stop() {
      this.live = false;
    },
  };
}

/** Lets everything that waits for nothing but its turn go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve));

test('rejoining ends with the visit, even while the browser asks for devices', async () => {
  let answer: (tracks: object[]) => void = () => undefined;
  library.open = () => new Promise((resolve) => (answer = resolve));
  const session = new Session('tea');
  const rejoining = session.rejoin();
  await settle();
  session.dispose();
  answer([]);
  await rejoining;
  expect(library.connects).toEqual([]);
});

test('whoever gives up rejoining and joins is in the room once', async () => {
  let answer: (tracks: object[]) => void = () => undefined;
  library.open = () => new Promise((resolve) => (answer = resolve));
  const session = new Session('tea');
  const rejoining = session.rejoin();
  await settle();
  session.cancelJoin();
  const joining = session.join('Anna');
  answer([]);
  await Promise.all([rejoining, joining]);
  expect(library.connects).toHaveLength(1);
});

test('starting devices again lets go of those that run', async () => {
  const opened: ReturnType<typeof fakeTrack>[] = [];
  library.open = async () => {
    const tracks = [fakeTrack('audio'), fakeTrack('video')];
    opened.push(...tracks);
    return tracks;
  };
  const media = new LocalMedia();
  await media.start();
  await media.start();
  expect(opened.map(({ live }) => live)).toEqual([false, false, true, true]);
});

test('devices are not opened once the page shows something else', async () => {
  const wanted: object[] = [];
  library.open = async (which) => {
    wanted.push(which);
    return [];
  };
  const media = new LocalMedia();
  const starting = media.start();
  media.stop();
  await starting;
  expect(wanted).toEqual([]);
});
