import { LANGUAGES, type Language, language, setLanguage } from '../i18n/language.js';
import { uiMessages } from '../i18n/ui.js';
import { Icon } from './icon.js';

/** Chooses the language; the page changes at once. */
export function LanguageSwitch() {
  return (
    <span class="select select-quiet">
      <Icon name="globe" size={18} />
      <select
        aria-label={uiMessages.value.language}
        value={language.value}
        onChange={(event) => setLanguage(event.currentTarget.value as Language)}
      >
        {LANGUAGES.map(({ code, name }) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
      <Icon name="chevronDown" size={16} />
    </span>
  );
}
