import { expect, test } from 'vitest';
import { AVATAR_COLOURS, colourIndex, initials } from '../src/lib/person.js';

test.each([
  ['Anna', 'A'],
  ['anna lindqvist', 'AL'],
  ['Anna Maria Lindqvist', 'AL'],
  ['김민수', '민수'],
  ['남궁민수', '민수'],
  ['민수', '민수'],
  ['👩‍👩‍👧 family', '👩‍👩‍👧F'],
  ['   ', '?'],
])('the initials of %j are %j', (name, expected) => {
  expect(initials(name)).toBe(expected);
});

test('a name keeps its colour', () => {
  expect(colourIndex(' Anna ')).toBe(colourIndex('anna'));
  for (const name of ['', 'a', '김민수', 'x'.repeat(64)]) {
    expect(colourIndex(name)).toBeGreaterThanOrEqual(0);
    expect(colourIndex(name)).toBeLessThan(AVATAR_COLOURS);
  }
});
