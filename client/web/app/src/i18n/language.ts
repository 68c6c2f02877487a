import { effect, signal } from '@preact/signals';
import { preferences } from '../state/preferences.js';

/** The languages that are complete. */
export type Language = 'en' | 'ko';

/** Their own names. */
export const LANGUAGES: readonly { readonly code: Language; readonly name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'ko', name: '한국어' },
];

/** The language in use. */
export const language = signal<Language>(initialLanguage());

effect(() => {
  document.documentElement.lang = language.value;
});

/** Switches to `code`, and remembers it. */
export function setLanguage(code: Language): void {
  language.value = code;
  preferences.update({ language: code });
}

/** `?lang=` decides, then what was chosen before, then the browser's own list. */
function initialLanguage(): Language {
  const wanted = [
    new URLSearchParams(location.search).get('lang'),
    preferences.value.language,
    ...navigator.languages.map((tag) => tag.split('-')[0]),
  ];
  return (
    LANGUAGES.find(({ code }) => code === wanted.find((tag) => LANGUAGES.some((known) => known.code === tag)))?.code ??
    'en'
  );
}
