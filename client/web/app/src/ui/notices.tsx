import { uiMessages } from '../i18n/ui.js';
import { announcement } from '../state/announcer.js';
import { dismissToast, toasts } from '../state/toasts.js';
import { Icon } from './icon.js';

/** The toasts, and the live region that reads out what happens. */
export function Notices() {
  return (
    <>
      <div class="visually-hidden" aria-live="polite" aria-atomic="true">
        {announcement.value}
      </div>
      <div class="toasts">
        {toasts.value.map(({ id, text, tone }) => (
          <div key={id} class={`toast toast-${tone}`} role={tone === 'error' ? 'alert' : undefined}>
            {tone === 'error' && <Icon name="alert" size={18} />}
            <span>{text}</span>
            <button
              type="button"
              class="icon-button icon-button-small"
              aria-label={uiMessages.value.dismiss}
              onClick={() => dismissToast(id)}
            >
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}
