/** Finds the links in a line of chat. What it returns is rendered as text nodes and `href`s; nothing is ever markup. */

/** A piece of a line: plain text, or a link with its address. */
export interface TextSegment {
  readonly text: string;
  /** An absolute http or https address; absent for plain text. */
  readonly href?: string;
}

const CANDIDATE = /(?:https?:\/\/|www\.)[^\s<>"'`]+/gi;
const TRAILING_PUNCTUATION = new Set('.,;:!?…。、，」』】"\'*_~');
const BRACKETS: readonly (readonly [open: string, close: string])[] = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
];

/** Splits `text` at its links; the pieces joined together are `text` again. */
export function linkify(text: string): TextSegment[] {
  const segments: TextSegment[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const candidate = trimEnd(match[0]);
    const href = safeHref(candidate);
    // A letter just before (as in "xhttps://") means that this is no link by itself.
    if (!href || /[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, match.index - 2), match.index))) continue;
    if (match.index > end) segments.push({ text: text.slice(end, match.index) });
    segments.push({ text: candidate, href });
    end = match.index + candidate.length;
  }
  if (end < text.length) segments.push({ text: text.slice(end) });
  return segments;
}

/**
 * Leaves out punctuation that belongs to the sentence, and closing brackets that were opened before the link. One pass from
 * the end: the line is a stranger's, and may be made to be slow.
 */
function trimEnd(candidate: string): string {
  const count = (character: string) => candidate.split(character).length - 1;
  const unopened = new Map(BRACKETS.map(([open, close]) => [close, count(close) - count(open)]));
  let end = candidate.length;
  for (; end > 0; end -= 1) {
    const last = candidate.charAt(end - 1);
    const surplus = unopened.get(last) ?? 0;
    if (surplus > 0) unopened.set(last, surplus - 1);
    else if (!TRAILING_PUNCTUATION.has(last)) break;
  }
  return candidate.slice(0, end);
}

function safeHref(candidate: string): string | undefined {
  const address = /^www\./i.test(candidate) ? `https://${candidate}` : candidate;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  // Credentials in an address only serve to disguise where it leads.
  const isPlain = (url.protocol === 'http:' || url.protocol === 'https:') && !url.username && !url.password;
  return isPlain && url.hostname.includes('.')
    ? url.href
    : isPlain && url.hostname === 'localhost'
      ? url.href
      : undefined;
}
