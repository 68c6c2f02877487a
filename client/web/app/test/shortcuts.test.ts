import { expect, test } from 'vitest';
import { type KeyPress, matchShortcut, SHORTCUTS, type ShortcutContext } from '../src/lib/shortcuts.js';

const usual: ShortcutContext = { apple: false, singleKeys: true, typing: false };

function press(key: string, change: Partial<KeyPress> = {}): KeyPress {
  const code = /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : '';
  const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, repeat: false, isComposing: false };
  return { key, code, ...none, ...change };
}

test('no two shortcuts share a key', () => {
  const keys = SHORTCUTS.map(({ key, command }) => `${command}/${key}`);
  expect(new Set(keys).size).toBe(keys.length);
});

test('every shortcut does what the table says', () => {
  for (const { action, key, command } of SHORTCUTS) {
    expect(matchShortcut(press(key, { ctrlKey: command, shiftKey: key === '?' }), usual)).toBe(action);
  }
});

test('Cmd takes the place of Ctrl on machines of Apple', () => {
  const apple = { ...usual, apple: true };
  expect(matchShortcut(press('d', { metaKey: true }), apple)).toBe('toggleMicrophone');
  expect(matchShortcut(press('d', { ctrlKey: true }), apple)).toBeUndefined();
  expect(matchShortcut(press('d', { metaKey: true }), usual)).toBeUndefined();
});

test('single keys do nothing while typing or when switched off; those with Ctrl still do', () => {
  for (const context of [
    { ...usual, typing: true },
    { ...usual, singleKeys: false },
  ]) {
    expect(matchShortcut(press('m'), context)).toBeUndefined();
    expect(matchShortcut(press('d', { ctrlKey: true }), context)).toBe('toggleMicrophone');
  }
});

test('the key counts, whatever script the keyboard is set to', () => {
  expect(matchShortcut(press('ㅡ', { code: 'KeyM' }), usual)).toBe('toggleMicrophone');
  expect(matchShortcut(press('ㅇ', { code: 'KeyD', ctrlKey: true }), usual)).toBe('toggleMicrophone');
});

test('the letter counts, wherever the layout has it', () => {
  expect(matchShortcut(press('m', { code: 'Semicolon' }), usual)).toBe('toggleMicrophone');
});

test.each([{ repeat: true }, { isComposing: true }, { altKey: true }, { ctrlKey: true }])(
  '%o makes M nothing',
  (change) => {
    expect(matchShortcut(press('m', change), usual)).toBeUndefined();
  },
);

test('capital letters count as well, as with caps lock', () => {
  expect(matchShortcut(press('M'), usual)).toBe('toggleMicrophone');
});
