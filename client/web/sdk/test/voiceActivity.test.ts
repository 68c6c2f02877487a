import { expect, test } from 'vitest';
import { VoiceActivity } from '../src/voiceActivity.js';

/** Feeds levels every 200 ms; returns the speakers after each. */
function run(rows: Record<string, number>[]): string[] {
  const activity = new VoiceActivity<string>();
  return rows.map((row, index) => activity.update(new Map(Object.entries(row)), index * 200).speakers.join());
}

test('somebody who breathes between words goes on speaking; somebody who is silent stops', () => {
  const words = [0.2, 0, 0, 0.2, 0, 0, 0.2];
  const silence = new Array(20).fill(0);
  const speakers = run([...words, ...silence].map((level) => ({ anna: level })));
  expect(speakers.slice(0, words.length)).toEqual(words.map(() => 'anna'));
  expect(speakers.at(-1)).toBe('');
  const changes = speakers.filter((now, index) => now !== speakers[index - 1]);
  expect(changes).toEqual(['anna', '']);
});

test('noise below the threshold is no speech', () => {
  expect(run(new Array(20).fill({ anna: 0.01 })).every((speakers) => speakers === '')).toBe(true);
});

test('the order changes only when somebody is clearly louder', () => {
  const even = Array.from({ length: 10 }, (_row, index) => ({ anna: 0.1, ben: 0.1 + (index % 2) * 0.03 }));
  expect(new Set(run(even))).toEqual(new Set(['anna,ben']));
  expect(run([...even, { anna: 0.1, ben: 0.5 }]).at(-1)).toBe('ben,anna');
});

test('who is gone is forgotten', () => {
  expect(run([{ anna: 0.2, ben: 0.2 }, { ben: 0.2 }])).toEqual(['anna,ben', 'ben']);
});
