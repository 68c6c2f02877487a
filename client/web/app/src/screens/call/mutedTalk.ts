import { createAudioMeter } from 'moim-client';
import { TalkDetector } from '../../lib/talkDetector.js';

/** How often the level is read, in milliseconds. */
const POLL_MS = 100;

/** Calls `onTalk` once somebody talks into the muted microphone behind `track`; returns how to stop watching. */
export function watchMutedTalk(track: MediaStreamTrack, onTalk: () => void): () => void {
  // A muted track is silent. A copy of it is not, and is sent nowhere.
  const copy = track.clone();
  copy.enabled = true;
  const meter = createAudioMeter(copy);
  const detector = new TalkDetector();
  const timer = setInterval(() => {
    if (detector.push(meter.level)) {
      stop();
      onTalk();
    }
  }, POLL_MS);
  function stop(): void {
    clearInterval(timer);
    meter.stop();
    copy.stop();
  }
  return stop;
}
