import type { ComponentChildren } from 'preact';
import { navigate } from '../state/router.js';
import { LanguageSwitch } from './languageSwitch.js';
import { Logo } from './logo.js';

/** The head of every page outside a call. */
export function TopBar({ children }: { children?: ComponentChildren }) {
  return (
    <header class="top-bar">
      <HomeLink class="brand">
        <Logo />
        <span>moim</span>
      </HomeLink>
      <div class="top-bar-end">
        {children}
        <LanguageSwitch />
      </div>
    </header>
  );
}

/** A link to the landing page that does not load the page anew. */
export function HomeLink({ class: className, children }: { class: string; children: ComponentChildren }) {
  return (
    <a
      class={className}
      href="/"
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        navigate('/');
      }}
    >
      {children}
    </a>
  );
}
