import { useEffect, useRef } from 'preact/hooks';
import { uiMessages } from '../../i18n/ui.js';
import type { Session } from '../../state/session.js';
import { Icon, type IconName } from '../../ui/icon.js';
import { HomeLink, TopBar } from '../../ui/topBar.js';
import { messages } from './messages.js';

/** Reasons after which coming back at once is the natural thing to do. */
const REJOINABLE = new Set(['clientInitiated', 'replaced', 'dropped', 'serverShutdown', 'connectionLost']);
/** Reasons after which trying again cannot help. */
const FINAL = new Set([
  'kicked',
  'roomClosed',
  'tokenExpired',
  'tokenMissing',
  'tokenInvalid',
  'wrongRoom',
  'permissionDenied',
]);

/** Ends that differ to a developer, and not to a person. */
const SAME_AS: Record<string, string> = { flood: 'dropped', slowConsumer: 'dropped', timeout: 'connectionLost' };

const ICONS: Record<string, IconName> = {
  clientInitiated: 'leave',
  connectionLost: 'disconnected',
  unreachable: 'disconnected',
  roomFull: 'users',
  kicked: 'userMinus',
  roomClosed: 'leave',
  replaced: 'leave',
};

/** The page after a call, or instead of one: what happened, and what to do. */
export function EndedScreen({ session, reason: code }: { session: Session; reason: string }) {
  const reason = SAME_AS[code] ?? code;
  const texts = messages.value;
  const known = texts.reasons[reason];
  const { title, text } = known ?? texts.reasons['other'] ?? { title: '', text: '' };
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · moim`;
  }, [title]);
  // What had the focus is gone with the call: the heading tells where one is.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div class="page">
      <TopBar />
      <main class="notice-page">
        <span class={`notice-badge${reason === 'clientInitiated' ? '' : ' notice-badge-warn'}`}>
          <Icon name={ICONS[reason] ?? 'alert'} size={28} />
        </span>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <div class="notice-text">
          <p>{text}</p>
          {!known && <p class="muted">{texts.code(reason)}</p>}
        </div>
        <div class="notice-actions">
          <Action session={session} reason={reason} />
          <HomeLink class="button button-large">{uiMessages.value.home}</HomeLink>
        </div>
      </main>
    </div>
  );
}

function Action({ session, reason }: { session: Session; reason: string }) {
  const texts = messages.value;
  if (FINAL.has(reason)) return null;
  const [label, act] = REJOINABLE.has(reason)
    ? [texts.rejoin, () => void session.rejoin()]
    : reason === 'unsupportedVersion'
      ? [texts.retry, () => location.reload()]
      : [texts.retry, () => session.cancelJoin()];
  return (
    <button type="button" class="button button-primary button-large" onClick={act}>
      <Icon name="refresh" size={18} />
      {label}
    </button>
  );
}
