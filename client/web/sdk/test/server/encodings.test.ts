import { expect, test } from 'vitest';
import { initialEncodings, tunedEncodings } from '../../src/server/encodings.js';

const camera = (width: number, height: number, wanted?: number[]) =>
  tunedEncodings('camera', { width, height }, 3, wanted);
/** How many lines each encoding has that is sent. */
const lines = (height: number, encodings: ReturnType<typeof camera>) =>
  encodings.flatMap(({ active, scaleResolutionDownBy = 1 }) => (active ? [height / scaleResolutionDownBy] : []));

test('a camera is offered in three encodings, the lowest first; a screen in one', () => {
  expect(initialEncodings('camera').map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy])).toEqual([
    ['l', 4],
    ['m', 2],
    ['h', 1],
  ]);
  expect(initialEncodings('screenShare')).toMatchObject([{ active: true, scaleResolutionDownBy: 1 }]);
  expect(initialEncodings('screenShare')[0]?.rid).toBeUndefined();
});

test.each([
  [1920, 1080, [270, 540, 1080]],
  [1280, 720, [180, 360, 720]],
  [720, 1280, [320, 640, 1280]],
  [960, 540, [135, 270, 540]],
  [640, 480, [240, 480]],
  [640, 360, [180, 360]],
  [320, 240, [240]],
])('a picture of %i x %i is sent with %o lines: the largest is never left out', (width, height, sent) => {
  expect(lines(height, camera(width, height))).toEqual(sent);
});

test('more pixels get more bits, each of them fewer', () => {
  const rates = camera(1280, 720).map(({ maxBitrate = 0 }) => maxBitrate);
  expect(rates).toEqual([150_000, 510_000, 1_720_000]);
  expect(camera(3840, 2160)[2]?.maxBitrate).toBe(3_000_000);
  expect(camera(160, 120)[0]?.maxBitrate).toBe(60_000);
});

test('only what somebody watches is sent', () => {
  expect(lines(720, camera(1280, 720, [0, 2]))).toEqual([180, 720]);
  expect(lines(720, camera(1280, 720, []))).toEqual([]);
  expect(tunedEncodings('screenShare', undefined, 1, [])).toMatchObject([{ active: false }]);
  expect(tunedEncodings('screenShare', undefined, 1, [0])).toMatchObject([{ active: true }]);
});

test('who wants more than a small picture has gets all of it', () => {
  expect(lines(360, camera(640, 360, [2]))).toEqual([360]);
  expect(lines(240, camera(320, 240, [1, 2]))).toEqual([240]);
});

test('where only one encoding came of it, that is the whole picture', () => {
  expect(tunedEncodings('camera', { width: 1280, height: 720 }, 1, [0])).toMatchObject([
    { active: true, scaleResolutionDownBy: 1 },
  ]);
});

test('before its size is known, a picture is taken for one of a usual camera', () => {
  expect(tunedEncodings('camera', undefined, 3, undefined)).toEqual(camera(1280, 720));
});
