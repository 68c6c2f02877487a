/** What stands for a person without a picture: initials and a colour that stays with the name. */

/** How many avatar colours the style sheet has. */
export const AVATAR_COLOURS = 8;

const HANGUL_NAME = /^[\uac00-\ud7a3]{2,4}$/;

/** One or two characters for `name`; the given name for a Korean one, as people there do. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const [first, last] = [words[0], words.at(-1)];
  if (!first || !last) return '?';
  if (words.length === 1 && HANGUL_NAME.test(first)) return first.slice(-2);
  const letters = words.length === 1 ? firstGrapheme(first) : firstGrapheme(first) + firstGrapheme(last);
  return letters.toLocaleUpperCase();
}

/** The same number for the same name, in `0 .. AVATAR_COLOURS`. */
export function colourIndex(name: string): number {
  let hash = 7;
  for (const character of name.trim().toLowerCase()) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return hash % AVATAR_COLOURS;
}

function firstGrapheme(word: string): string {
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment;
  return '';
}
