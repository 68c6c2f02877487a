import { canShareScreen } from '../../lib/browser.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon, type IconName } from '../../ui/icon.js';
import { LanguageSwitch } from '../../ui/languageSwitch.js';
import { canChooseSpeaker } from '../../ui/speaker.js';
import { DeviceList } from './deviceMenus.js';
import { callMessages } from './messages.js';
import { useCallView } from './view.js';

/** What does not fit on a phone's toolbar, within the thumb's reach. */
export function MoreSheet() {
  const view = useCallView();
  const { call } = view;
  const texts = callMessages.value;
  const sharing = call.local.value?.sharing ?? false;
  const close = () => {
    view.moreOpen.value = false;
  };
  const item = (icon: IconName, label: string, action: () => void) => (
    <li>
      <button
        type="button"
        class="sheet-item"
        onClick={() => {
          close();
          action();
        }}
      >
        <Icon name={icon} size={22} />
        {label}
      </button>
    </li>
  );
  return (
    <Dialog title={texts.more} sheet onClose={close}>
      <ul class="sheet-items">
        {canShareScreen() &&
          item(sharing ? 'screenShareOff' : 'screenShare', sharing ? texts.stopSharing : texts.share, () => {
            void call.toggleScreenShare();
          })}
        {item('users', texts.people, () => view.show('people'))}
        {item('activity', texts.details, () => view.show('details'))}
        {item('link', texts.copyLink, () => void copyRoomLink(call.roomName))}
        {document.fullscreenEnabled &&
          item(view.fullScreen.value ? 'minimize' : 'maximize', texts.fullScreen, () => void view.toggleFullScreen())}
      </ul>
      <div class="sheet-devices">
        <DeviceList kind="videoinput" title={texts.camera} preference="cameraId" />
        <DeviceList kind="audioinput" title={texts.microphone} preference="microphoneId" />
        {canChooseSpeaker() && <DeviceList kind="audiooutput" title={texts.speaker} preference="speakerId" />}
      </div>
      <LanguageSwitch />
    </Dialog>
  );
}
