import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RemoteTrackPublication } from '../../src/tracks/publication.js';

/** Observers that see what the test says. */
class FakeObserver {
  static all: FakeObserver[] = [];
  readonly targets = new Set<unknown>();
  readonly notify: (entries: unknown[]) => void;

  constructor(notify: (entries: unknown[]) => void) {
    this.notify = notify;
    FakeObserver.all.push(this);
  }

  static tell(target: unknown, isIntersecting = true): void {
    for (const observer of FakeObserver.all) {
      if (observer.targets.has(target)) observer.notify([{ target, isIntersecting }]);
    }
  }

  observe = (target: unknown) => this.targets.add(target);
  unobserve = (target: unknown) => this.targets.delete(target);
  disconnect = () => this.targets.clear();
}

beforeEach(() => {
  FakeObserver.all = [];
  vi.stubGlobal('ResizeObserver', FakeObserver);
  vi.stubGlobal('IntersectionObserver', FakeObserver);
  vi.stubGlobal('devicePixelRatio', 2);
});
afterEach(() => void vi.unstubAllGlobals());

const camera = () => new RemoteTrackPublication({ id: 'cam', kind: 'video', source: 'camera', muted: false });
const box = (clientWidth: number, clientHeight: number) => ({ clientWidth, clientHeight }) as unknown as Element;
const WANTED = { wanted: true, paused: false };
const PAUSED = { wanted: true, paused: true };

test('until something shows it, it is wanted as large as there is', () => {
  expect(camera().wish).toEqual(WANTED);
});

test('it is wanted as large as the largest element in sight, in pixels of the device', () => {
  const publication = camera();
  const small = box(160, 90);
  const large = box(640, 360);
  publication.observe(small);
  expect(publication.wish).toEqual({ ...WANTED, width: 320, height: 180 });
  const stop = publication.observe(large);
  expect(publication.wish).toEqual({ ...WANTED, width: 1280, height: 720 });
  FakeObserver.tell(large, false);
  expect(publication.wish).toEqual({ ...WANTED, width: 320, height: 180 });
  stop();
  FakeObserver.tell(small, false);
  expect(publication.wish).toEqual(PAUSED);
  FakeObserver.tell(small);
  expect(publication.wish).toEqual({ ...WANTED, width: 320, height: 180 });
});

test('an element that grows is followed, and one without a size is out of sight', () => {
  const publication = camera();
  const wishes: unknown[] = [];
  publication.onwish = () => wishes.push(publication.wish);
  const element = { clientWidth: 0, clientHeight: 0 };
  publication.observe(element as unknown as Element);
  Object.assign(element, { clientWidth: 100, clientHeight: 100 });
  FakeObserver.tell(element);
  expect(wishes.at(0)).toEqual(PAUSED);
  expect(wishes.at(-1)).toEqual({ ...WANTED, width: 200, height: 200 });
});

test('what the page says goes before what is measured', () => {
  const publication = camera();
  const element = box(640, 360);
  publication.observe(element);
  publication.setVideoQuality('low');
  expect(publication.wish).toEqual({ ...WANTED, width: 320, height: 180 });
  FakeObserver.tell(element, false);
  publication.setVideoQuality('high');
  expect(publication.wish).toEqual(WANTED);
  publication.setEnabled(false);
  expect(publication.wish).toEqual(PAUSED);
  publication.setSubscribed(false);
  expect(publication.wish).toEqual({ wanted: false, paused: true });
  publication.setEnabled(true);
  publication.setSubscribed(true);
  publication.setVideoQuality(undefined);
  expect(publication.wish).toEqual(PAUSED);
});

test('sound has no size', () => {
  const publication = new RemoteTrackPublication({ id: 'mic', kind: 'audio', source: 'microphone', muted: false });
  expect(publication.wish).toEqual(WANTED);
  publication.setEnabled(false);
  expect(publication.wish).toEqual(PAUSED);
});

test('a track that goes takes along what only it was attached to', () => {
  const publication = camera();
  const element = box(640, 360);
  publication.meter.add(element);
  publication.meter.remove(element);
  expect(publication.wish).toEqual(PAUSED);
  publication.setTrack(undefined);
  expect(publication.wish).toEqual(WANTED);

  const stop = publication.observe(element);
  stop();
  publication.setTrack(undefined);
  expect(publication.wish).toEqual(PAUSED);
});

test('what has not changed is told nobody', () => {
  const publication = camera();
  const onwish = vi.fn();
  publication.onwish = onwish;
  publication.setEnabled(true);
  publication.setSubscribed(true);
  expect(onwish).not.toHaveBeenCalled();
});
