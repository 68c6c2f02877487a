/** Names of rooms: what is allowed (`docs/protocol.md`), how one is made up, and how one is read from what a person typed. */
import { WORDS } from './words.js';

const ROOM_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const WORDS_PER_NAME = 3;
const DIGITS_PER_NAME = 5;

/** Whether the server takes `name` as a room's name. */
export function isRoomName(name: string): boolean {
  // A path of dots alone would be swallowed by the browser's URL parser.
  return ROOM_NAME.test(name) && !/^\.+$/.test(name);
}

/**
 * A name that can be read aloud and not be guessed: three of 256 words and five digits, about 40 bits. `random` fills an array
 * with random bytes.
 */
export function generateRoomName(random: (bytes: Uint8Array<ArrayBuffer>) => void = fillRandom): string {
  const words = Array.from({ length: WORDS_PER_NAME }, () => WORDS[randomByteBelow(WORDS.length, random)]);
  const digits = Array.from({ length: DIGITS_PER_NAME }, () => randomByteBelow(10, random));
  return `${words.join('-')}-${digits.join('')}`;
}

/** The room that a person means by typing or pasting `text`, a name or a link, or `undefined` when that is no room. */
export function parseRoomInput(text: string): string | undefined {
  const trimmed = text.trim();
  const fromLink = /\/r\/([^/?#\s]+)/.exec(trimmed)?.[1];
  const name = fromLink ?? trimmed.replace(/\s+/g, '-');
  return isRoomName(name) ? name : undefined;
}

function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes);
}

/** A number below `limit` (at most 256), every one as likely: bytes beyond the last full round are drawn again. */
function randomByteBelow(limit: number, random: (bytes: Uint8Array<ArrayBuffer>) => void): number {
  const fair = 256 - (256 % limit);
  const byte = new Uint8Array(1);
  do random(byte);
  while ((byte[0] ?? 0) >= fair);
  return (byte[0] ?? 0) % limit;
}
