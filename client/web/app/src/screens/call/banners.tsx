import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { uiMessages } from '../../i18n/ui.js';
import { Icon } from '../../ui/icon.js';
import { callMessages } from './messages.js';
import { watchMutedTalk } from './mutedTalk.js';
import { useCallView } from './view.js';

/** What concerns the whole call: lost link, restart ahead, blocked sound, talking while muted. */
export function Banners() {
  const { call } = useCallView();
  const texts = callMessages.value.banner;
  return (
    <div class="banners">
      {call.connection.value === 'reconnecting' && (
        <div class="banner banner-warn" role="status" data-testid="banner">
          <span class="spinner" />
          <span>{texts.reconnecting}</span>
        </div>
      )}
      {call.draining.value && call.connection.value === 'connected' && (
        <div class="banner banner-warn" role="status">
          <Icon name="alert" size={18} />
          <span>{texts.draining}</span>
        </div>
      )}
      {call.soundBlocked.value && (
        <div class="banner" role="alert">
          <span>{texts.sound}</span>
          <button type="button" class="button button-primary button-small" onClick={() => void call.startSound()}>
            <Icon name="volume" size={18} />
            {texts.turnOnSound}
          </button>
        </div>
      )}
      <MutedTalkBanner />
    </div>
  );
}

function MutedTalkBanner() {
  const { call } = useCallView();
  const talking = useSignal(false);
  const muted = call.local.value?.microphoneOn === false;
  // Another one after the microphone was changed: what listens must let go of the one before.
  const track = call.room.localParticipant.getTrackPublication('microphone')?.track?.mediaStreamTrack;
  useEffect(() => {
    talking.value = false;
    if (!muted || !track || track.readyState === 'ended') return;
    return watchMutedTalk(track, () => {
      talking.value = true;
    });
  }, [muted, track, talking]);
  if (!muted || !talking.value) return null;
  return (
    <div class="banner" role="status">
      <Icon name="micOff" size={18} />
      <span>{callMessages.value.banner.mutedTalk}</span>
      <button type="button" class="button button-primary button-small" onClick={() => void call.toggleMicrophone()}>
        {callMessages.value.banner.unmute}
      </button>
      <button
        type="button"
        class="icon-button icon-button-small"
        aria-label={uiMessages.value.dismiss}
        onClick={() => {
          talking.value = false;
        }}
      >
        <Icon name="close" size={16} />
      </button>
    </div>
  );
}
