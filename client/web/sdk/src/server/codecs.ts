/** Which codecs are offered to the server. It forwards what others send as it is, so that all have to understand it; and short offers are quick. */
import type { TrackKind } from '../protocol.js';

/** What can be forwarded, and how to resend and to keep time of it. */
const FORWARDED = /^(audio\/(opus|red|telephone-event)|video\/(vp8|vp9|av1|h264|rtx))$/i;
/** One of H.264's many forms: in packets of any size (RFC 6184 §6.2), in the profile that all browsers have. */
const H264 = /packetization-mode=1.*profile-level-id=42e0|profile-level-id=42e0.*packetization-mode=1/i;
/** VP9 and AV1 in eight bits a sample. */
const PROFILED = /profile(-id)?=[1-9]/;

/** The codecs to offer, in the browser's own order; `undefined` where it does not let one choose. */
export function forwardableCodecs(end: 'sender' | 'receiver', kind: TrackKind): RTCRtpCodec[] | undefined {
  const owner = end === 'sender' ? globalThis.RTCRtpSender : globalThis.RTCRtpReceiver;
  const codecs = owner?.getCapabilities?.(kind)?.codecs.filter(isForwarded);
  return codecs === undefined || codecs.length === 0 ? undefined : codecs;
}

function isForwarded({ mimeType, sdpFmtpLine = '' }: RTCRtpCodec): boolean {
  if (!FORWARDED.test(mimeType)) return false;
  if (/h264/i.test(mimeType)) return H264.test(sdpFmtpLine);
  return !/vp9|av1/i.test(mimeType) || !PROFILED.test(sdpFmtpLine);
}
