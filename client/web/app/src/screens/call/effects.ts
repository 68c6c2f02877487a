import { effect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { isApple } from '../../lib/browser.js';
import { matchShortcut, type ShortcutAction } from '../../lib/shortcuts.js';
import { preferences } from '../../state/preferences.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { callMessages } from './messages.js';
import type { CallView } from './view.js';

/** The page's title tells the state, as it is all one sees of a tab in the background. */
export function useCallTitle(view: CallView): void {
  useEffect(() => {
    const stop = effect(() => {
      const { call } = view;
      const texts = callMessages.value;
      const unread = call.chat.unread.value;
      const state =
        call.connection.value === 'reconnecting'
          ? texts.titleReconnecting
          : call.local.value?.microphoneOn === false
            ? texts.titleMuted
            : undefined;
      document.title = [unread > 0 && `(${unread})`, state && `${state} ·`, `${call.roomName} · moim`]
        .filter(Boolean)
        .join(' ');
    });
    return stop;
  }, [view]);
}

/** Keyboard shortcuts, by the table in `lib/shortcuts.ts`. */
export function useCallKeys(view: CallView): void {
  useEffect(() => {
    const apple = isApple();
    const onKeyDown = (event: KeyboardEvent) => {
      if (document.querySelector('dialog[open]')) return;
      const singleKeys = preferences.value.singleKeys ?? true;
      const action = matchShortcut(event, { apple, singleKeys, typing: isTyping(event.target) });
      if (!action) return;
      event.preventDefault();
      ACTIONS[action](view);
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [view]);
}

/** What each shortcut does. */
const ACTIONS: Record<ShortcutAction, (view: CallView) => unknown> = {
  toggleMicrophone: ({ call }) => call.toggleMicrophone(),
  toggleCamera: ({ call }) => call.toggleCamera(),
  toggleScreenShare: ({ call }) => call.toggleScreenShare(),
  toggleChat: (view) => view.toggle('chat'),
  togglePeople: (view) => view.toggle('people'),
  toggleDetails: (view) => view.toggle('details'),
  toggleFullScreen: (view) => view.toggleFullScreen(),
  copyLink: ({ call }) => copyRoomLink(call.roomName),
  help: (view) => {
    view.helpOpen.value = true;
  },
};

/** Whether keys go into a text or move within a control that uses letters itself. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));
}

/** Keeps the screen on while the page is to be seen. */
export function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | undefined;
    let stopped = false;
    const request = async () => {
      if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
      try {
        const acquired = await navigator.wakeLock.request('screen');
        if (stopped) await acquired.release();
        else lock = acquired;
      } catch {
        // Refused when the battery is low: the call goes on all the same.
      }
    };
    // Browsers take the lock back whenever the page is hidden.
    document.addEventListener('visibilitychange', request);
    void request();
    return () => {
      stopped = true;
      document.removeEventListener('visibilitychange', request);
      void lock?.release();
    };
  }, []);
}

/** Follows whether the page fills the screen, and ends that with the call. */
export function useFullScreenState(view: CallView): void {
  useEffect(() => {
    const update = () => {
      view.fullScreen.value = document.fullscreenElement !== null;
    };
    document.addEventListener('fullscreenchange', update);
    return () => {
      document.removeEventListener('fullscreenchange', update);
      if (document.fullscreenElement) void document.exitFullscreen().catch(() => {});
    };
  }, [view]);
}
