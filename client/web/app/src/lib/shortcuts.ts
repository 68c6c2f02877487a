/** The one table of keyboard shortcuts: it decides what a key does and renders the help. */

/** What a shortcut does. */
export type ShortcutAction =
  | 'toggleMicrophone'
  | 'toggleCamera'
  | 'toggleScreenShare'
  | 'toggleChat'
  | 'togglePeople'
  | 'toggleDetails'
  | 'toggleFullScreen'
  | 'copyLink'
  | 'help';

/** One way to do something by keyboard. */
export interface Shortcut {
  readonly action: ShortcutAction;
  /** The character, lower case. */
  readonly key: string;
  /** With Ctrl, or Cmd on Apple's machines. Without: a single key, which people can switch off (WCAG 2.1.4). */
  readonly command: boolean;
}

/** All of them, in the order of the help. */
export const SHORTCUTS: readonly Shortcut[] = [
  { action: 'toggleMicrophone', key: 'm', command: false },
  { action: 'toggleMicrophone', key: 'd', command: true },
  { action: 'toggleCamera', key: 'v', command: false },
  { action: 'toggleCamera', key: 'e', command: true },
  { action: 'toggleScreenShare', key: 's', command: false },
  { action: 'toggleChat', key: 'c', command: false },
  { action: 'togglePeople', key: 'p', command: false },
  { action: 'toggleDetails', key: 'd', command: false },
  { action: 'toggleFullScreen', key: 'f', command: false },
  { action: 'copyLink', key: 'l', command: false },
  { action: 'help', key: '?', command: false },
];

/** The parts of a keyboard event that decide. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly repeat: boolean;
  readonly isComposing: boolean;
}

/** What decides besides the key itself. */
export interface ShortcutContext {
  /** Whether Cmd takes the place of Ctrl. */
  readonly apple: boolean;
  /** Whether single keys are on. */
  readonly singleKeys: boolean;
  /** Whether the focus is where text is entered. */
  readonly typing: boolean;
}

/** What `press` asks for, if anything. */
export function matchShortcut(press: KeyPress, context: ShortcutContext): ShortcutAction | undefined {
  if (press.repeat || press.isComposing || press.altKey) return undefined;
  const command = context.apple ? press.metaKey : press.ctrlKey;
  if (!command && (press.ctrlKey || press.metaKey || context.typing || !context.singleKeys)) return undefined;
  if (command && press.shiftKey) return undefined;
  const key = latinKey(press);
  return SHORTCUTS.find((shortcut) => shortcut.command === command && shortcut.key === key)?.action;
}

/** The letter on the key, whatever script the keyboard is set to: in Hangul mode the M key says "ㅡ". */
function latinKey({ key, code }: KeyPress): string {
  if (/^[\x21-\x7e]$/.test(key)) return key.toLowerCase();
  return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase() ?? key;
}
