import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { preferences } from '../../state/preferences.js';
import { Icon } from '../../ui/icon.js';
import { LevelMeter } from '../../ui/levelMeter.js';
import { canChooseSpeaker } from '../../ui/speaker.js';
import { callMessages } from './messages.js';
import { useCallView } from './view.js';

/** The menu beside the microphone's button: microphone, level and speaker. */
export function MicrophoneMenu() {
  const { call } = useCallView();
  const texts = callMessages.value;
  const local = call.local.value;
  const track = call.room.localParticipant.getTrackPublication('microphone')?.track?.mediaStreamTrack;
  return (
    <Menu label={texts.microphoneMenu}>
      <DeviceList kind="audioinput" title={texts.microphone} preference="microphoneId">
        {track && local?.microphoneOn && <LevelMeter track={track} label={texts.microphone} />}
      </DeviceList>
      {canChooseSpeaker() && <DeviceList kind="audiooutput" title={texts.speaker} preference="speakerId" />}
    </Menu>
  );
}

/** The menu beside the camera's button. */
export function CameraMenu() {
  const texts = callMessages.value;
  return (
    <Menu label={texts.cameraMenu}>
      <DeviceList kind="videoinput" title={texts.camera} preference="cameraId" />
    </Menu>
  );
}

function Menu({ label, children }: { label: string; children: preact.ComponentChildren }) {
  const { call } = useCallView();
  const id = useId();
  const open = useSignal(false);
  return (
    <>
      <button
        type="button"
        class="caret-button"
        aria-label={label}
        title={label}
        popovertarget={id}
        onClick={() => void call.refreshDevices()}
      >
        <Icon name="chevronUp" size={16} />
      </button>
      {/* biome-ignore lint/a11y/useSemanticElements: the lists within are the field sets */}
      <div
        id={id}
        popover="auto"
        class="menu"
        role="group"
        aria-label={label}
        onBeforeToggle={({ newState }) => {
          open.value = newState === 'open';
        }}
      >
        {/* A menu that nobody sees measures no level. */}
        {open.value && children}
      </div>
    </>
  );
}

interface DeviceListProps {
  kind: MediaDeviceKind;
  title: string;
  preference: 'microphoneId' | 'cameraId' | 'speakerId';
  children?: preact.ComponentChildren;
}

/** The devices of one kind, one of them in use. */
export function DeviceList({ kind, title, preference, children }: DeviceListProps) {
  const { call } = useCallView();
  const texts = callMessages.value;
  const name = useId();
  const devices = call.devices.value.filter((device) => device.kind === kind && device.deviceId !== '');
  const active = call.activeDevices.value[kind] ?? devices[0]?.deviceId;
  return (
    <fieldset class="device-list">
      <legend>
        {title}
        {children}
      </legend>
      {devices.length === 0 && <p class="muted">{texts.noDevices}</p>}
      {devices.map(({ deviceId, label }, index) => (
        <label key={deviceId} class="device">
          <input
            type="radio"
            name={name}
            checked={deviceId === active}
            onChange={() => {
              preferences.update({ [preference]: deviceId });
              void call.switchDevice(kind, deviceId);
            }}
          />
          <span>{label || texts.unnamedDevice(index + 1)}</span>
          <Icon name="check" size={16} />
        </label>
      ))}
    </fieldset>
  );
}
