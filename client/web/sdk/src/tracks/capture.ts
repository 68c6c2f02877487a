import { AUDIO_DEFAULTS, requireMediaDevices, toDeviceError, VIDEO_DEFAULTS } from '../devices.js';
import { LocalTrack } from './localTrack.js';

/** Opens microphone and camera by one prompt, before or during a call. Rejects with {@link MediaDeviceError}. */
export async function createLocalTracks(options: {
  audio?: boolean | MediaTrackConstraints;
  video?: boolean | MediaTrackConstraints;
}): Promise<LocalTrack[]> {
  const audio = withDefaults(options.audio, AUDIO_DEFAULTS);
  const video = withDefaults(options.video, VIDEO_DEFAULTS);
  if (audio === undefined && video === undefined) return [];
  const device = audio === undefined ? 'camera' : video === undefined ? 'microphone' : undefined;
  const media = requireMediaDevices(device);
  try {
    const stream = await media.getUserMedia({ audio: audio ?? false, video: video ?? false });
    return stream
      .getTracks()
      .map((track) =>
        track.kind === 'audio' ? new LocalTrack(track, 'microphone', audio) : new LocalTrack(track, 'camera', video),
      );
  } catch (error) {
    throw toDeviceError(error, device);
  }
}

/** Opens a screen, window or tab, with its sound where wanted and possible. Rejects with {@link MediaDeviceError}. */
export async function captureScreen(audio: boolean): Promise<LocalTrack[]> {
  const media = requireMediaDevices('screen');
  try {
    const stream = await media.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio });
    return stream
      .getTracks()
      .map((track) => new LocalTrack(track, track.kind === 'video' ? 'screenShare' : 'screenShareAudio'));
  } catch (error) {
    throw toDeviceError(error, 'screen');
  }
}

function withDefaults(
  wanted: boolean | MediaTrackConstraints | undefined,
  defaults: MediaTrackConstraints,
): MediaTrackConstraints | undefined {
  if (wanted === undefined || wanted === false) return undefined;
  return wanted === true ? defaults : { ...defaults, ...wanted };
}
