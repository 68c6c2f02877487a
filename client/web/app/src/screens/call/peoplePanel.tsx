import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { uiMessages } from '../../i18n/ui.js';
import type { ParticipantView } from '../../state/participantView.js';
import { Avatar } from '../../ui/avatar.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icon.js';
import { panelMessages } from './panelMessages.js';
import { QualityButton } from './qualityButton.js';
import { useCallView } from './view.js';

/** Who is here. An admin can remove people. */
export function PeoplePanel() {
  const { call } = useCallView();
  const texts = panelMessages.value;
  const removing = useSignal<ParticipantView | undefined>(undefined);
  const count = useRef<HTMLParagraphElement>(null);
  const people = call.participants.value;
  const canRemove = call.local.value?.isAdmin ?? false;
  return (
    <div class="people">
      <p class="muted" ref={count} tabIndex={-1}>
        {texts.here(people.length)}
      </p>
      <ul class="people-list">
        {people.map((person) => (
          <Person
            key={person.id}
            person={person}
            {...(canRemove && !person.isLocal
              ? {
                  onRemove: () => {
                    removing.value = person;
                  },
                }
              : {})}
          />
        ))}
      </ul>
      <div class="people-footer">
        {call.room.open && <p class="muted">{texts.openHint}</p>}
        <button type="button" class="button" onClick={() => void copyRoomLink(call.roomName)}>
          <Icon name="link" size={18} />
          {texts.invite}
        </button>
      </div>
      {removing.value && (
        <RemoveDialog
          person={removing.value}
          onClose={() => {
            removing.value = undefined;
          }}
          // The button that was pressed goes with its person; the focus stays in the panel.
          onRemoved={() => count.current?.focus()}
        />
      )}
    </div>
  );
}

function Person({ person, onRemove }: { person: ParticipantView; onRemove?: () => void }) {
  const texts = panelMessages.value;
  return (
    <li class="person">
      <Avatar name={person.name} small />
      <span class="person-text">
        <span class="person-name" dir="auto">
          {person.isLocal ? texts.nameYou(person.name) : person.name}
        </span>
        {person.isAdmin && <span class="tag">{texts.admin}</span>}
      </span>
      {person.sharing && (
        <span class="person-state" role="img" aria-label={texts.sharing} title={texts.sharing}>
          <Icon name="screenShare" size={18} />
        </span>
      )}
      <span
        class={`person-state${person.microphoneOn ? '' : ' person-state-off'}`}
        role="img"
        aria-label={person.microphoneOn ? texts.micOn : texts.micOff}
        title={person.microphoneOn ? texts.micOn : texts.micOff}
      >
        <Icon name={person.microphoneOn ? 'mic' : 'micOff'} size={18} />
      </span>
      {person.quality && <QualityButton person={person} quality={person.quality} />}
      {onRemove && (
        <button
          type="button"
          class="icon-button"
          aria-label={texts.remove(person.name)}
          title={texts.remove(person.name)}
          onClick={onRemove}
        >
          <Icon name="userMinus" size={18} />
        </button>
      )}
    </li>
  );
}

interface RemoveDialogProps {
  person: ParticipantView;
  onClose: () => void;
  onRemoved: () => void;
}

function RemoveDialog({ person, onClose, onRemoved }: RemoveDialogProps) {
  const { call } = useCallView();
  const texts = panelMessages.value;
  return (
    <Dialog
      title={texts.removeTitle(person.name)}
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            {uiMessages.value.cancel}
          </button>
          <button
            type="button"
            class="button button-danger"
            onClick={() => {
              onClose();
              void call.remove(person).then(onRemoved);
            }}
          >
            {texts.removeConfirm}
          </button>
        </>
      }
    >
      <p>{texts.removeText}</p>
    </Dialog>
  );
}
