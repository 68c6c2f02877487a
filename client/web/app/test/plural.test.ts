import { expect, test } from 'vitest';
import { plural } from '../src/i18n/plural.js';

test.each([
  [0, 'people'],
  [1, 'person'],
  [2, 'people'],
  [21, 'people'],
])('%i %s', (count, expected) => {
  expect(plural(count, { one: 'person', other: 'people' })).toBe(expected);
});
