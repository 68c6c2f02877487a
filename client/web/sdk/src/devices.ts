/** Microphones and cameras: which there are, opening them, and what it means when that fails. */
import { MediaDeviceError, type MediaDeviceFault } from './errors.js';
import type { TrackKind } from './protocol.js';

/** Constraints for microphones where the application gives none. */
export const AUDIO_DEFAULTS: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** Constraints for cameras where the application gives none. */
export const VIDEO_DEFAULTS: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

/** What a browser lacks for a call; codes. */
export function unsupportedReasons(): string[] {
  const reasons: string[] = [];
  if (globalThis.isSecureContext === false) reasons.push('insecureContext');
  if (typeof RTCPeerConnection === 'undefined') reasons.push('noWebRtc');
  else if (!('addTransceiver' in RTCPeerConnection.prototype)) reasons.push('oldWebRtc');
  if (typeof navigator === 'undefined' || navigator.mediaDevices?.getUserMedia === undefined) {
    reasons.push('noGetUserMedia');
  }
  return reasons;
}

/** The devices there are. Never asks the user; before permission their labels are empty. */
export async function listDevices(kind?: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
  if (typeof navigator === 'undefined') return [];
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => kind === undefined || device.kind === kind);
}

/** Opens a microphone or camera. Rejects with {@link MediaDeviceError}. */
export async function captureDevice(kind: TrackKind, constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const device = kind === 'audio' ? 'microphone' : 'camera';
  const media = requireMediaDevices(device);
  try {
    const stream = await media.getUserMedia({ [kind]: constraints });
    const track = stream.getTracks()[0];
    if (track === undefined) throw new DOMException('the browser gave no track', 'NotFoundError');
    return track;
  } catch (error) {
    throw toDeviceError(error, device);
  }
}

/** The browser's devices, or an error that says why there are none. */
export function requireMediaDevices(device: MediaDeviceError['device']): MediaDevices {
  const media = typeof navigator === 'undefined' ? undefined : navigator.mediaDevices;
  if (media !== undefined) return media;
  throw new MediaDeviceError(
    'other',
    'This page cannot use microphones or cameras, because browsers allow it on https:// and on localhost only. Open the page by https.',
    device,
  );
}

/** What the browsers' exceptions mean; names of W3C mediacapture-main §10.2, and older ones of Firefox. */
const FAULTS: Record<string, MediaDeviceFault> = {
  NotAllowedError: 'permissionDenied',
  SecurityError: 'permissionDenied',
  NotFoundError: 'notFound',
  OverconstrainedError: 'notFound',
  NotReadableError: 'inUse',
  AbortError: 'inUse',
};

/** Turns what a browser throws into an error that can be explained to a person. */
export function toDeviceError(error: unknown, device: MediaDeviceError['device']): MediaDeviceError {
  if (error instanceof MediaDeviceError) return error;
  const name = error instanceof Error ? error.name : '';
  const kind = FAULTS[name] ?? 'other';
  const what = device ?? 'microphone or camera';
  const text: Record<MediaDeviceFault, string> = {
    permissionDenied: `The ${what} was not opened, because permission was refused. Allow it in the browser's address bar, and try again.`,
    notFound: `No ${what} was found that fits. Plug one in or choose another, and try again.`,
    inUse: `The ${what} was not opened, because another program uses it or it stopped working. Close that program, and try again.`,
    other: `The ${what} was not opened: ${error instanceof Error ? error.message : String(error)}. Try again, or choose another.`,
  };
  return new MediaDeviceError(kind, text[kind], device, { cause: error });
}
