import './help.css';
import { isApple } from '../../../lib/browser.js';
import { SHORTCUTS, type Shortcut } from '../../../lib/shortcuts.js';
import { preferences } from '../../../state/preferences.js';
import { Dialog } from '../../../ui/dialog.js';
import { LanguageSwitch } from '../../../ui/languageSwitch.js';
import { messages } from './messages.js';

/** What the keys do, from the table that makes them do it, and the switch for single keys. */
export function HelpDialog({ onClose }: { onClose: () => void }) {
  const texts = messages.value;
  const singleKeys = preferences.value.singleKeys ?? true;
  const actions = [...new Set(SHORTCUTS.map(({ action }) => action))];
  return (
    <Dialog title={texts.title} onClose={onClose}>
      <table class="keys">
        <thead class="visually-hidden">
          <tr>
            <th>{texts.action}</th>
            <th>{texts.keys}</th>
          </tr>
        </thead>
        <tbody>
          {actions.map((action) => (
            <tr key={action}>
              <td>{texts.actions[action]}</td>
              <td>
                {SHORTCUTS.filter((shortcut) => shortcut.action === action && (shortcut.command || singleKeys)).map(
                  (shortcut, index) => (
                    <span key={shortcut.key}>
                      {index > 0 && <span class="muted"> {texts.or} </span>}
                      <Keys shortcut={shortcut} />
                    </span>
                  ),
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="switch">
        <span>
          <strong>{texts.singleKeys}</strong>
          <small class="muted">{texts.singleKeysHint}</small>
        </span>
        <input
          type="checkbox"
          role="switch"
          checked={singleKeys}
          aria-checked={singleKeys}
          onChange={(event) => preferences.update({ singleKeys: event.currentTarget.checked })}
        />
      </label>
      <div class="help-footer">
        <small class="muted">{texts.note}</small>
        <LanguageSwitch />
      </div>
    </Dialog>
  );
}

function Keys({ shortcut }: { shortcut: Shortcut }) {
  return (
    <>
      {shortcut.command && <kbd>{isApple() ? '⌘' : 'Ctrl'}</kbd>} <kbd>{shortcut.key.toUpperCase()}</kbd>
    </>
  );
}
