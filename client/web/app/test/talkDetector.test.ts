import { expect, test } from 'vitest';
import { TALK_LEVEL_MIN, TALK_LOUD_MIN, TalkDetector } from '../src/lib/talkDetector.js';

test('speech is told from a short noise', () => {
  const detector = new TalkDetector();
  const cough = [0.9, 0.9, 0.9, 0, 0, 0, 0, 0, 0, 0];
  expect(cough.some((level) => detector.push(level))).toBe(false);
  const speech = Array.from({ length: TALK_LOUD_MIN }, () => TALK_LEVEL_MIN);
  expect(speech.map((level) => detector.push(level)).at(-1)).toBe(true);
});

test('noises far apart do not add up', () => {
  const detector = new TalkDetector();
  const levels = Array.from({ length: 200 }, (_, index) => (index % 10 === 0 ? 1 : 0));
  expect(levels.some((level) => detector.push(level))).toBe(false);
});
