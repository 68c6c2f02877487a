import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { CHAT_TEXT_BYTES_MAX } from '../../state/chat.js';
import { Icon } from '../../ui/icon.js';
import { panelMessages } from './panelMessages.js';
import { useCallView } from './view.js';

/** Where messages are written. Enter sends, Shift+Enter begins a new line, and pasted files are offered. */
export function Composer() {
  const { chat } = useCallView().call;
  const texts = panelMessages.value;
  const text = useSignal('');
  const tooLong = useSignal(false);
  const fileInput = useRef<HTMLInputElement>(null);
  const messageInput = useRef<HTMLTextAreaElement>(null);

  function submit(event: Event): void {
    event.preventDefault();
    const trimmed = text.value.trim();
    messageInput.current?.focus();
    if (trimmed === '') return;
    tooLong.value = new TextEncoder().encode(trimmed).length > CHAT_TEXT_BYTES_MAX;
    if (tooLong.value) return;
    text.value = '';
    void chat.send(trimmed);
  }

  return (
    <form class="composer" onSubmit={submit}>
      {tooLong.value && (
        <p class="field-error" role="alert">
          {texts.tooLong}
        </p>
      )}
      <div class="composer-row">
        <button
          type="button"
          class="icon-button"
          aria-label={texts.attach}
          title={texts.attach}
          onClick={() => fileInput.current?.click()}
        >
          <Icon name="paperclip" />
        </button>
        <input
          ref={fileInput}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            chat.sendFiles(event.currentTarget.files ?? []);
            // So that the same file can be chosen again.
            event.currentTarget.value = '';
          }}
        />
        <textarea
          ref={messageInput}
          class="composer-text"
          rows={1}
          data-autofocus
          aria-label={texts.message}
          placeholder={texts.messageHint}
          enterkeyhint="send"
          dir="auto"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            tooLong.value = false;
          }}
          onKeyDown={(event) => {
            // While composing, Enter ends a syllable or word (Hangul, kana) and must not send. Safari says so by the code alone.
            const composing = event.isComposing || event.keyCode === 229;
            if (event.key === 'Enter' && !event.shiftKey && !composing) submit(event);
          }}
          onPaste={(event) => {
            const files = event.clipboardData?.files;
            if (!files?.length) return;
            event.preventDefault();
            chat.sendFiles(files);
          }}
        />
        <button type="submit" class="icon-button icon-button-primary" aria-label={texts.send} title={texts.send}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
