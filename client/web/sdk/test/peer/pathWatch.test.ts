import { expect, test } from 'vitest';
import { PathWatch } from '../../src/peer/pathWatch.js';
import type { PathState } from '../../src/protocol.js';

function make() {
  const told: PathState[] = [];
  const path = new PathWatch((state) => told.push(state));
  const measure = (fromS: number, toS: number, lossPercent: number, rttMs = 50) => {
    for (let second = fromS; second <= toS; second += 1) path.measured({ lossPercent, rttMs }, second * 1_000);
  };
  return { told, path, measure };
}

test('a path that works goes without saying', () => {
  const { told, path, measure } = make();
  path.found(true);
  measure(0, 60, 1);
  expect(told).toEqual([]);
});

test('that there is no path is told at once and once, and so is that it is back', () => {
  const { told, path } = make();
  path.found(false);
  path.found(false);
  path.found(true);
  expect(told).toEqual(['absent', 'good']);
});

test('a path that is poor for ten seconds is told, one that stumbles is not', () => {
  const { told, path, measure } = make();
  path.found(true);
  measure(0, 9, 30);
  measure(10, 10, 0);
  measure(11, 20, 0, 2_000);
  expect(told).toEqual([]);
  measure(21, 21, 0, 2_000);
  expect(told).toEqual(['poor']);
  measure(22, 60, 30);
  measure(61, 70, 0);
  expect(told).toEqual(['poor']);
  measure(71, 71, 0);
  expect(told).toEqual(['poor', 'good']);
});

test('a path that is not there is neither good nor poor', () => {
  const { told, path, measure } = make();
  measure(0, 30, 50);
  path.found(false);
  measure(31, 60, 0);
  expect(told).toEqual(['absent']);
});
