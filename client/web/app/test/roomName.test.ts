import { expect, test } from 'vitest';
import { generateRoomName, isRoomName, parseRoomInput } from '../src/lib/roomName.js';
import { WORDS } from '../src/lib/words.js';

test('there are 256 different words, so that a byte picks each as likely', () => {
  expect(new Set(WORDS).size).toBe(256);
  for (const word of WORDS) expect(word).toMatch(/^[a-z]{3,9}$/);
});

test('a generated name is allowed, and is three words and five digits', () => {
  for (let index = 0; index < 200; index += 1) {
    const name = generateRoomName();
    expect(isRoomName(name)).toBe(true);
    expect(name).toMatch(/^[a-z]+-[a-z]+-[a-z]+-\d{5}$/);
  }
});

test('bytes that would favour some digits are drawn again', () => {
  const bytes = [0, 1, 2, 255, 250, 9, 8, 7, 6, 5];
  const name = generateRoomName((target) => {
    target[0] = bytes.shift() ?? 0;
  });
  expect(name).toBe(`${WORDS[0]}-${WORDS[1]}-${WORDS[2]}-98765`);
});

test.each([
  ['tea', true],
  ['A.b_c-9', true],
  ['x'.repeat(64), true],
  ['x'.repeat(65), false],
  ['', false],
  ['..', false],
  ['two words', false],
  ['모임', false],
  ['a/b', false],
])('whether %j is a room name: %s', (name, expected) => {
  expect(isRoomName(name)).toBe(expected);
});

test.each([
  ['tea', 'tea'],
  ['  tea  ', 'tea'],
  ['book club', 'book-club'],
  ['https://meet.example/r/tea', 'tea'],
  ['https://meet.example/r/tea?lang=ko#token=x', 'tea'],
  ['meet.example/r/tea', 'tea'],
  ['/r/tea/', 'tea'],
  ['https://meet.example/', undefined],
  ['javascript:alert(1)', undefined],
  ['', undefined],
])('what a person means by %j: %s', (text, expected) => {
  expect(parseRoomInput(text)).toBe(expected);
});
