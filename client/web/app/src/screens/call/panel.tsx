import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { uiMessages } from '../../i18n/ui.js';
import { Icon } from '../../ui/icon.js';
import { callMessages } from './messages.js';
import { type PanelName, useCallView } from './view.js';

/**
 * A panel beside the stage, over it on small screens. Not modal: the call goes on and its controls stay in reach. It takes the
 * focus when it opens and gives it back when it closes; Esc closes it.
 */
export function Panel({ name, children }: { name: PanelName; children: ComponentChildren }) {
  const view = useCallView();
  const titleId = useId();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const panel = ref.current;
    const first = panel?.querySelector<HTMLElement>('[data-autofocus]') ?? panel;
    first?.focus();
    return () => {
      const lost = document.activeElement === document.body || panel?.contains(document.activeElement);
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <div
      ref={ref}
      class={`panel panel-${name}`}
      role="dialog"
      aria-modal="false"
      aria-labelledby={titleId}
      tabIndex={-1}
      onKeyDown={(event) => {
        // A dialog that was opened from here is closed alone.
        const inDialog = event.target instanceof Element && event.target.closest('dialog') !== null;
        if (event.key === 'Escape' && !event.isComposing && !inDialog) view.show(undefined);
      }}
    >
      <div class="panel-header">
        <h2 id={titleId}>{callMessages.value[name]}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label={uiMessages.value.close}
          onClick={() => view.show(undefined)}
        >
          <Icon name="close" />
        </button>
      </div>
      {children}
    </div>
  );
}
