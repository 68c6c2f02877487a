import { canShareScreen } from '../../lib/browser.js';
import { copyRoomLink } from '../../ui/clipboard.js';
import { Icon } from '../../ui/icon.js';
import { CallClock } from './callClock.js';
import { CameraMenu, MicrophoneMenu } from './deviceMenus.js';
import { callMessages } from './messages.js';
import { MoreSheet } from './moreSheet.js';
import { ToolButton } from './toolButton.js';
import { type PanelName, useCallView } from './view.js';

/** Everything one can do in a call. On phones what is needed less often moves into the sheet behind "More". */
export function Toolbar() {
  const view = useCallView();
  const texts = callMessages.value;
  return (
    <footer class="toolbar">
      <div class="toolbar-start">
        <span class="toolbar-room">{view.call.roomName}</span>
        <CallClock startedAt={view.call.startedAt} />
      </div>
      <div class="toolbar-main">
        <MediaButtons />
        <ShareButton />
        <span class="narrow-only">
          <PanelButton panel="chat" />
        </span>
        <span class="narrow-only">
          <ToolButton
            icon="ellipsis"
            label={texts.more}
            expanded={view.moreOpen.value}
            onPress={() => {
              view.moreOpen.value = true;
            }}
          />
        </span>
        <button
          type="button"
          class="tool-button tool-button-leave"
          aria-label={texts.leave}
          title={texts.leave}
          onClick={() => void view.session.leave()}
        >
          <Icon name="leave" size={22} />
        </button>
      </div>
      <div class="toolbar-end wide-only">
        <ToolButton icon="link" label={texts.copyLink} onPress={() => void copyRoomLink(view.call.roomName)} />
        <FullScreenButton />
        <ToolButton icon="keyboard" label={texts.settings} onPress={() => (view.helpOpen.value = true)} />
        <span class="toolbar-rule" />
        <PanelButton panel="details" />
        <PanelButton panel="people" />
        <PanelButton panel="chat" />
      </div>
      {view.moreOpen.value && <MoreSheet />}
    </footer>
  );
}

function MediaButtons() {
  const { call } = useCallView();
  const texts = callMessages.value;
  const { room } = call;
  // Reading the local view makes these follow every change of it.
  const local = call.local.value;
  const microphoneOn = local?.microphoneOn ?? room.localParticipant.isMicrophoneEnabled;
  const cameraOn = room.localParticipant.isCameraEnabled;
  return (
    <>
      <span class="split">
        <ToolButton
          icon={microphoneOn ? 'mic' : 'micOff'}
          label={microphoneOn ? texts.mute : texts.unmute}
          off={!microphoneOn}
          onPress={() => void call.toggleMicrophone()}
        />
        <MicrophoneMenu />
      </span>
      <span class="split">
        <ToolButton
          icon={cameraOn ? 'video' : 'videoOff'}
          label={cameraOn ? texts.stopCamera : texts.startCamera}
          off={!cameraOn}
          onPress={() => void call.toggleCamera()}
        />
        <CameraMenu />
      </span>
    </>
  );
}

/** Shares or stops sharing; absent where the browser cannot share. */
function ShareButton() {
  const { call } = useCallView();
  const texts = callMessages.value;
  const sharing = call.local.value?.sharing ?? false;
  if (!canShareScreen()) return null;
  return (
    <span class="wide-only">
      <ToolButton
        icon={sharing ? 'screenShareOff' : 'screenShare'}
        label={sharing ? texts.stopSharing : texts.share}
        active={sharing}
        onPress={() => void call.toggleScreenShare()}
      />
    </span>
  );
}

function FullScreenButton() {
  const view = useCallView();
  if (!document.fullscreenEnabled) return null;
  return (
    <ToolButton
      icon={view.fullScreen.value ? 'minimize' : 'maximize'}
      label={callMessages.value.fullScreen}
      pressed={view.fullScreen.value}
      onPress={() => void view.toggleFullScreen()}
    />
  );
}

const PANEL_ICONS = { chat: 'message', people: 'users', details: 'activity' } as const;

function PanelButton({ panel }: { panel: PanelName }) {
  const view = useCallView();
  const texts = callMessages.value;
  const open = view.panel.value === panel;
  const count = panel === 'people' ? view.call.participants.value.length : 0;
  const unread = panel === 'chat' ? view.call.chat.unread.value : 0;
  return (
    <ToolButton
      icon={PANEL_ICONS[panel]}
      label={texts[panel]}
      pressed={open}
      active={open}
      badge={unread}
      badgeLabel={texts.unread(unread)}
      count={count}
      onPress={() => view.toggle(panel)}
    />
  );
}
