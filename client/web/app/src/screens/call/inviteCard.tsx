import { roomLink } from '../../state/router.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { Icon } from '../../ui/icon.js';
import { callMessages } from './messages.js';
import { useCallView } from './view.js';

/** For the first in a room: how to bring the others. */
export function InviteCard() {
  const { call } = useCallView();
  const texts = callMessages.value;
  return (
    <section class="invite">
      <h2>{texts.alone.title}</h2>
      <p>{texts.alone.text}</p>
      <code class="invite-link">{roomLink(call.roomName).replace(/^https?:\/\//, '')}</code>
      <button type="button" class="button button-primary" onClick={() => void copyRoomLink(call.roomName)}>
        <Icon name="link" size={18} />
        {texts.copyInvitation}
      </button>
    </section>
  );
}
