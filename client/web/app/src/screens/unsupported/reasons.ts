/** What a call needs and this page lacks. */
export type UnsupportedReason = 'insecureContext' | 'noWebRtc' | 'noGetUserMedia';

/** Everything that is lacking; empty when a call is possible. The most telling reason comes first. */
export function unsupportedReasons(scope: typeof globalThis = globalThis): UnsupportedReason[] {
  // On an insecure page browsers hide devices, so that the other reasons would mislead.
  if (!scope.isSecureContext) return ['insecureContext'];
  const reasons: UnsupportedReason[] = [];
  if (typeof scope.RTCPeerConnection !== 'function') reasons.push('noWebRtc');
  if (typeof scope.navigator.mediaDevices?.getUserMedia !== 'function') reasons.push('noGetUserMedia');
  return reasons;
}
