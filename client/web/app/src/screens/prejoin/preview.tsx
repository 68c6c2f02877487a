import type { LocalTrack } from 'moim-client';
import type { DeviceSource, LocalMedia, SourceState } from '../../state/localMedia.js';
import { preferences } from '../../state/preferences.js';
import { Icon } from '../../ui/icon.js';
import { LevelMeter } from '../../ui/levelMeter.js';
import { TrackVideo } from '../../ui/trackVideo.js';
import { messages } from './messages.js';

/** The own picture as in a mirror, with the two switches and the microphone's level on it. */
export function Preview({ media, joining }: { media: LocalMedia; joining: boolean }) {
  const texts = messages.value;
  const camera = media.camera.value;
  const microphone = media.microphone.value;
  return (
    <div class="preview">
      {camera.track ? (
        <TrackVideo track={camera.track} mirrored label={texts.preview} />
      ) : media.prompting.value ? (
        <div class="preview-prompt" role="status">
          <strong>{texts.prompt.title}</strong>
          <p>{texts.prompt.text}</p>
        </div>
      ) : (
        <p class="preview-empty">
          <Icon name="videoOff" size={36} />
          {camera.starting ? texts.starting : texts.cameraIsOff}
        </p>
      )}
      {preferences.value.name && camera.track && <span class="tile-name">{preferences.value.name}</span>}
      {!joining && (
        <div class="preview-controls">
          <SourceToggle source="microphone" media={media} state={microphone} />
          <SourceToggle source="camera" media={media} state={camera} />
        </div>
      )}
      {microphone.track && <PreviewLevel track={microphone.track} />}
    </div>
  );
}

function SourceToggle({ source, media, state }: { source: DeviceSource; media: LocalMedia; state: SourceState }) {
  const texts = messages.value;
  const on = state.wanted;
  const label = source === 'microphone' ? (on ? texts.micOff : texts.micOn) : on ? texts.cameraOff : texts.cameraOn;
  const icon = source === 'microphone' ? (on ? 'mic' : 'micOff') : on ? 'video' : 'videoOff';
  return (
    <button
      type="button"
      class={`round-button${on ? '' : ' round-button-off'}`}
      aria-label={label}
      title={label}
      aria-busy={state.starting}
      onClick={() => void media.set(source, !on)}
    >
      <Icon name={icon} size={22} />
      {state.fault && <span class="fault-dot" />}
    </button>
  );
}

function PreviewLevel({ track }: { track: LocalTrack }) {
  return (
    <span class="preview-level">
      <LevelMeter track={track.mediaStreamTrack} label={messages.value.level} />
    </span>
  );
}
