import { expect, test } from 'vitest';
import { fit, gridLayout, mayCrop, tilesMax } from '../src/lib/layout.js';

const desktop = { width: 1416, height: 808, gap: 12 };
const phone = { width: 366, height: 740, gap: 12 };

test.each([
  [1, 1, 1],
  [2, 2, 1],
  [3, 2, 2],
  [4, 2, 2],
  [5, 3, 2],
  [9, 3, 3],
])('on a desktop %i tiles are in %i columns and %i rows', (count, columns, rows) => {
  expect(gridLayout({ ...desktop, count })).toMatchObject({ columns, rows });
});

test.each([
  [2, 1],
  [3, 1],
  [4, 2],
])('on a phone held upright %i tiles are in %i columns', (count, columns) => {
  expect(gridLayout({ ...phone, count }).columns).toBe(columns);
});

test.each([desktop, phone, { width: 300, height: 80, gap: 12 }, { width: 40, height: 900, gap: 12 }])(
  'tiles never reach beyond %o',
  (area) => {
    for (let count = 1; count <= 25; count += 1) {
      const { columns, rows, tile } = gridLayout({ ...area, count });
      expect(columns * rows).toBeGreaterThanOrEqual(count);
      expect(tile.width * columns + area.gap * (columns - 1)).toBeLessThanOrEqual(area.width);
      expect(tile.height * rows + area.gap * (rows - 1)).toBeLessThanOrEqual(area.height);
    }
  },
);

test('there are only as many tiles at a time as have room for faces', () => {
  expect(tilesMax(desktop)).toBe(16);
  expect(tilesMax(phone)).toBeGreaterThanOrEqual(8);
  expect(tilesMax(phone)).toBeLessThanOrEqual(12);
  expect(tilesMax({ width: 740, height: 300, gap: 12 })).toBe(8);
  expect(tilesMax({ width: 100, height: 100, gap: 12 })).toBe(1);
});

test('an area without size, as before the first measurement, gives tiles without size', () => {
  expect(gridLayout({ width: 0, height: 0, count: 3, gap: 12 }).tile).toEqual({ width: 0, height: 0 });
  expect(gridLayout({ ...desktop, count: 0 }).tile).toEqual({ width: 0, height: 0 });
});

test('fit keeps the ratio within its bounds', () => {
  expect(fit({ width: 400, height: 100 }, 1, 2)).toEqual({ width: 200, height: 100 });
  expect(fit({ width: 100, height: 400 }, 1, 2)).toEqual({ width: 100, height: 100 });
  expect(fit({ width: 150, height: 100 }, 1, 2)).toEqual({ width: 150, height: 100 });
});

test('a picture of about the shape of its tile is cropped, one of a very different shape is shown whole', () => {
  expect(mayCrop({ width: 1280, height: 720 }, { width: 400, height: 300 })).toBe(true);
  expect(mayCrop({ width: 1280, height: 720 }, { width: 366, height: 370 })).toBe(true);
  expect(mayCrop({ width: 1280, height: 720 }, { width: 225, height: 400 })).toBe(false);
  expect(mayCrop({ width: 720, height: 1280 }, { width: 400, height: 225 })).toBe(false);
  expect(mayCrop({ width: 720, height: 960 }, { width: 400, height: 225 })).toBe(false);
  expect(mayCrop({ width: 0, height: 0 }, { width: 400, height: 225 })).toBe(true);
});
