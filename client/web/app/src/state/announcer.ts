import { signal } from '@preact/signals';
import { uiMessages } from '../i18n/ui.js';
import { AnnouncementQueue } from '../lib/announcements.js';

const queue = new AnnouncementQueue();
let timer: ReturnType<typeof setTimeout> | undefined;

/** What the page's polite live region says. */
export const announcement = signal('');

/** Has screen readers say `text` when they are free; several in short order are put together. */
export function announce(text: string): void {
  queue.push(text);
  schedule();
}

function schedule(): void {
  if (timer !== undefined) return;
  const delay = queue.delay(Date.now());
  if (delay === undefined) return;
  timer = setTimeout(() => {
    timer = undefined;
    announcement.value = queue.take(Date.now(), uiMessages.value.moreAnnouncements);
    schedule();
  }, delay);
}
