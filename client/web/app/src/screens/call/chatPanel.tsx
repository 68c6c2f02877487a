import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { language } from '../../i18n/language.js';
import { formatTime } from '../../lib/format.js';
import { linkify } from '../../lib/linkify.js';
import type { ChatItem, MessageItem } from '../../state/chat.js';
import { Composer } from './composer.js';
import { FileCard } from './fileCard.js';
import { panelMessages } from './panelMessages.js';
import { useCallView } from './view.js';

/** Two lines of the same person within this time stand together, in milliseconds. */
const GROUP_MS = 120_000;
/** Korean breaks between words and is read out by another voice, whatever language the page is in. */
const HANGUL = /[\uac00-\ud7a3]/;
/** How near its end the list counts as read to the end, in CSS pixels. */
const END_MARGIN = 48;

/** Messages and files. Files may be dropped anywhere on it. */
export function ChatPanel() {
  const { chat } = useCallView().call;
  const texts = panelMessages.value;
  const dragging = useSignal(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut for the button "Attach file"
    <div
      class="chat"
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        dragging.value = true;
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) dragging.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        dragging.value = false;
        chat.sendFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <Log items={chat.items.value} />
      <Composer />
      {dragging.value && <p class="drop-hint">{texts.drop}</p>}
    </div>
  );
}

function Log({ items }: { items: readonly ChatItem[] }) {
  const texts = panelMessages.value;
  const ref = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    // Only follow along when the end was in view: somebody who reads further up is left there.
    const log = ref.current;
    if (log && (atEnd.current || items.at(-1)?.own)) log.scrollTop = log.scrollHeight;
  }, [items]);
  return (
    <div
      ref={ref}
      class="chat-log"
      role="log"
      // The page's own live region reads out what comes in, at a pace one can follow.
      aria-live="off"
      aria-label={texts.message}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard (WCAG 2.1.1)
      tabIndex={0}
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < END_MARGIN;
      }}
    >
      {items.length === 0 && <p class="chat-empty">{texts.empty}</p>}
      {items.map((item, index) => (
        <ChatLine key={item.key} item={item} grouped={belongsTo(items[index - 1], item)} />
      ))}
    </div>
  );
}

function belongsTo(previous: ChatItem | undefined, item: ChatItem): boolean {
  return (
    previous !== undefined &&
    previous.own === item.own &&
    previous.fromName === item.fromName &&
    item.at.getTime() - previous.at.getTime() < GROUP_MS
  );
}

function ChatLine({ item, grouped }: { item: ChatItem; grouped: boolean }) {
  const texts = panelMessages.value;
  return (
    <div class={`chat-line${item.own ? ' chat-line-own' : ''}${grouped ? ' chat-line-grouped' : ''}`}>
      {!grouped && (
        <p class="chat-meta">
          <strong>{item.own ? texts.you : item.fromName}</strong>
          <time dateTime={item.at.toISOString()}>{formatTime(item.at, language.value)}</time>
        </p>
      )}
      {item.kind === 'message' ? <Bubble item={item} /> : <FileCard item={item} />}
    </div>
  );
}

function Bubble({ item }: { item: MessageItem }) {
  const segments = useMemo(() => linkify(item.text), [item.text]);
  return (
    <>
      <p class="bubble" dir="auto" lang={HANGUL.test(item.text) ? 'ko' : undefined}>
        {segments.map(({ text, href }, index) =>
          href ? (
            <a key={String(index)} href={href} target="_blank" rel="noopener noreferrer nofollow">
              {text}
            </a>
          ) : (
            text
          ),
        )}
      </p>
      {item.failed && <p class="field-error">{panelMessages.value.notSent}</p>}
    </>
  );
}
