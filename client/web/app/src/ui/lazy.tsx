import { type Signal, signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { uiMessages } from '../i18n/ui.js';

type Loaded<P> = { readonly component?: ComponentType<P>; readonly failed?: boolean };

/** A component whose code is loaded when it is first shown, or before by `preload`; `page` for one that is a whole page. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, { page = false } = {}) {
  const state: Signal<Loaded<P>> = signal({});
  let pending: Promise<void> | undefined;

  function preload(): Promise<void> {
    pending ??= load().then(
      (component) => {
        state.value = { component };
      },
      () => {
        // Whoever shows it next tries again.
        pending = undefined;
        state.value = { failed: true };
      },
    );
    return pending;
  }

  function Lazy(props: P) {
    const { component: Component, failed } = state.value;
    // Loads nothing twice: only what failed before is tried again.
    useEffect(() => void preload(), []);
    if (Component) return <Component {...props} />;
    const text = failed ? uiMessages.value.loadFailed : uiMessages.value.loading;
    const notice = (
      <p class="lazy" role={failed ? 'alert' : undefined}>
        {text}
      </p>
    );
    return page ? <main>{notice}</main> : notice;
  }

  return Object.assign(Lazy, { preload });
}
