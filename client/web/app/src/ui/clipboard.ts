import { uiMessages } from '../i18n/ui.js';
import { roomLink } from '../state/router.js';
import { toast } from '../state/toasts.js';

/** Copies the link that invites to `room`, and says so. */
export async function copyRoomLink(room: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(roomLink(room));
    toast(uiMessages.value.copied);
  } catch {
    toast(uiMessages.value.copyFailed, 'error');
  }
}
