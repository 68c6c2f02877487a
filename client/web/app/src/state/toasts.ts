import { signal } from '@preact/signals';
import { announce } from './announcer.js';

/** A short notice that goes away by itself. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: 'info' | 'error';
}

/** How many are shown at once; the oldest gives way. */
const TOASTS_MAX = 3;
const TOAST_MS = 5000;
/** Errors take longer to read. */
const TOAST_ERROR_MS = 10_000;

/** The notices on show, oldest first. */
export const toasts = signal<readonly Toast[]>([]);
let nextId = 1;

/** Shows `text` for a while; screen readers hear it, an error at once. */
export function toast(text: string, tone: Toast['tone'] = 'info'): void {
  const id = nextId;
  nextId += 1;
  toasts.value = [...toasts.peek(), { id, text, tone }].slice(-TOASTS_MAX);
  if (tone === 'info') announce(text);
  setTimeout(() => dismissToast(id), tone === 'error' ? TOAST_ERROR_MS : TOAST_MS);
}

/** Takes a notice away. */
export function dismissToast(id: number): void {
  toasts.value = toasts.peek().filter((known) => known.id !== id);
}
