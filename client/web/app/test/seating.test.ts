import { expect, test } from 'vitest';
import { pagesOf, Seating } from '../src/lib/seating.js';

const PEOPLE = ['a', 'b', 'c', 'd', 'e', 'f'];

test('while nobody out of sight speaks, everybody stays, and newcomers go to the end', () => {
  const seating = new Seating();
  expect(seating.update(['a', 'b', 'c'], [], 4)).toEqual(['a', 'b', 'c']);
  expect(seating.update(['d', 'c', 'b', 'a'], ['b'], 4)).toEqual(['a', 'b', 'c', 'd']);
  expect(seating.update(['d', 'c', 'a'], ['b'], 4)).toEqual(['a', 'c', 'd']);
});

test('whoever speaks out of sight takes the place of the one who has been silent longest', () => {
  const seating = new Seating();
  seating.update(PEOPLE, ['a'], 3);
  seating.update(PEOPLE, ['c'], 3);
  expect(seating.update(PEOPLE, ['f'], 3)).toEqual(['a', 'f', 'c', 'd', 'e', 'b']);
  expect(seating.update(PEOPLE, ['d'], 3)).toEqual(['d', 'f', 'c', 'a', 'e', 'b']);
});

test('nobody who speaks is sent away, and when all do nobody is', () => {
  const seating = new Seating();
  expect(seating.update(PEOPLE, ['a', 'b', 'e'], 3)).toEqual(['a', 'b', 'e', 'd', 'c', 'f']);
  expect(seating.update(PEOPLE, ['a', 'b', 'e', 'f'], 3)).toEqual(['a', 'b', 'e', 'd', 'c', 'f']);
});

test('oneself has a place on the first page, the others have all the rest', () => {
  expect(pagesOf(3, 4, 1)).toEqual([{ from: 0, to: 3 }]);
  expect(pagesOf(10, 4, 1)).toEqual([
    { from: 0, to: 3 },
    { from: 3, to: 7 },
    { from: 7, to: 10 },
  ]);
  expect(pagesOf(0, 4, 1)).toEqual([{ from: 0, to: 0 }]);
});

test('however little room there is, somebody is on every page', () => {
  expect(pagesOf(2, 1, 2)).toEqual([
    { from: 0, to: 1 },
    { from: 1, to: 2 },
  ]);
});
