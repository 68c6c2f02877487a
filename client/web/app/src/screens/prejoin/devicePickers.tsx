import type { LocalMedia } from '../../state/localMedia.js';
import { preferences } from '../../state/preferences.js';
import { Icon, type IconName } from '../../ui/icon.js';
import { canChooseSpeaker } from '../../ui/speaker.js';
import { messages } from './messages.js';

/** Microphone, camera and, where the browser lets pages choose it, speaker. */
export function DevicePickers({ media }: { media: LocalMedia }) {
  const texts = messages.value;
  const { microphoneId, cameraId, speakerId } = preferences.value;
  const active = (track: MediaStreamTrack | undefined) => track?.getSettings().deviceId;
  return (
    <div class="pickers">
      <DevicePicker
        icon="mic"
        label={texts.microphone}
        devices={ofKind(media, 'audioinput')}
        value={active(media.microphone.value.track?.mediaStreamTrack) ?? microphoneId}
        onChoose={(id) => void media.choose('microphone', id)}
      />
      <DevicePicker
        icon="video"
        label={texts.camera}
        devices={ofKind(media, 'videoinput')}
        value={active(media.camera.value.track?.mediaStreamTrack) ?? cameraId}
        onChoose={(id) => void media.choose('camera', id)}
      />
      {canChooseSpeaker() && (
        <DevicePicker
          icon="volume"
          label={texts.speaker}
          devices={ofKind(media, 'audiooutput')}
          value={speakerId}
          onChoose={(id) => preferences.update({ speakerId: id })}
        />
      )}
    </div>
  );
}

interface DevicePickerProps {
  icon: IconName;
  label: string;
  devices: readonly MediaDeviceInfo[];
  value: string | undefined;
  onChoose: (deviceId: string) => void;
}

function DevicePicker({ icon, label, devices, value, onChoose }: DevicePickerProps) {
  const texts = messages.value;
  // Without permission browsers list devices without ids or labels: there is nothing to choose yet.
  const known = devices.filter(({ deviceId }) => deviceId !== '');
  return (
    <span class="select">
      <Icon name={icon} size={18} />
      <select
        aria-label={label}
        title={label}
        disabled={known.length === 0}
        value={known.some(({ deviceId }) => deviceId === value) ? value : known[0]?.deviceId}
        onChange={(event) => onChoose(event.currentTarget.value)}
      >
        {known.length === 0 && <option>{texts.systemDefault}</option>}
        {known.map(({ deviceId, label: deviceLabel }, index) => (
          <option key={deviceId} value={deviceId}>
            {deviceLabel || texts.unnamedDevice(index + 1)}
          </option>
        ))}
      </select>
      <Icon name="chevronDown" size={16} />
    </span>
  );
}

function ofKind(media: LocalMedia, kind: MediaDeviceKind): MediaDeviceInfo[] {
  return media.devices.value.filter((device) => device.kind === kind);
}
