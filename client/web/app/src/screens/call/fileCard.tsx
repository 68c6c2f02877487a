import type { FileTransfer, IncomingFile } from 'moim-client';
import { language } from '../../i18n/language.js';
import { formatBytes } from '../../lib/format.js';
import type { FileItem } from '../../state/chat.js';
import { Icon } from '../../ui/icon.js';
import { panelMessages } from './panelMessages.js';
import { useCallView } from './view.js';

/** A file in the chat: what it is, how far it is, and what can be done about it. */
export function FileCard({ item }: { item: FileItem }) {
  // The transfer changes in place; its version tells when.
  void item.version.value;
  const { transfer } = item;
  const texts = panelMessages.value.file;
  const moving = transfer.state === 'sending' || transfer.state === 'receiving' || transfer.state === 'accepted';
  return (
    <div class="file-card">
      <span class="file-icon">
        <Icon name="file" />
      </span>
      <div class="file-text">
        <strong dir="auto">{transfer.name}</strong>
        <span class="muted">{formatBytes(transfer.size, language.value)}</span>
        {moving && (
          <progress
            class="progress"
            aria-label={texts.progress(transfer.name)}
            max={Math.max(transfer.size, 1)}
            value={transfer.transferred}
          />
        )}
        {/* The bar above tells how far it is to whoever asks; only how it ends is read out. */}
        <span class="muted" role={moving ? undefined : 'status'}>
          {stateText(item)}
        </span>
      </div>
      <FileActions item={item} />
    </div>
  );
}

function FileActions({ item }: { item: FileItem }) {
  const { chat } = useCallView().call;
  const { transfer } = item;
  const texts = panelMessages.value.file;
  const { name } = transfer;
  if (item.url.value) {
    return (
      <div class="file-actions">
        <a
          class="button button-primary button-small"
          href={item.url.value}
          download={name}
          aria-label={texts.save(name)}
        >
          <Icon name="download" size={16} />
          {texts.saveShort}
        </a>
      </div>
    );
  }
  if (!item.own && transfer.state === 'offered') {
    return (
      <div class="file-actions">
        <FileButton
          label={texts.accept(name)}
          text={texts.acceptShort}
          primary
          onPress={() => void chat.accept(item)}
        />
        <FileButton
          label={texts.decline(name)}
          text={texts.declineShort}
          onPress={() => (transfer as IncomingFile).reject()}
        />
      </div>
    );
  }
  if (isOver(transfer)) return null;
  return (
    <div class="file-actions">
      <FileButton label={texts.cancel(name)} text={texts.cancelShort} onPress={() => transfer.cancel()} />
    </div>
  );
}

interface FileButtonProps {
  label: string;
  text: string;
  primary?: boolean;
  onPress: () => void;
}

function FileButton({ label, text, primary = false, onPress }: FileButtonProps) {
  return (
    <button
      type="button"
      class={`button button-small${primary ? ' button-primary' : ''}`}
      aria-label={label}
      onClick={onPress}
    >
      {text}
    </button>
  );
}

function isOver({ state }: FileTransfer): boolean {
  return state === 'done' || state === 'rejected' || state === 'cancelled' || state === 'failed';
}

function stateText({ transfer, own, url }: FileItem): string {
  const texts = panelMessages.value.file;
  const fraction = transfer.size > 0 ? transfer.transferred / transfer.size : 1;
  const percent = new Intl.NumberFormat(language.value, { style: 'percent' }).format(fraction);
  switch (transfer.state) {
    case 'offered':
      return own ? texts.waiting : '';
    case 'accepted':
    case 'sending':
    case 'receiving':
      return own ? texts.sending(percent) : texts.receiving(percent);
    case 'done':
      return own ? texts.sent : url.value ? texts.received : texts.checking;
    case 'rejected':
    case 'cancelled':
    case 'failed':
      return texts[transfer.state];
  }
}
