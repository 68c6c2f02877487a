/** The decisions of negotiation between two participants, apart from the objects they are about. */
import type { ParticipantId } from '../protocol.js';

/** Whether this participant gives way when two offers cross: the one whose id is smaller (docs/protocol.md, "Connections"). */
export function isPolite(local: ParticipantId, remote: ParticipantId): boolean {
  // Ids are ASCII, so that the order of UTF-16 units is that of bytes.
  return local < remote;
}

/** What to do with an offer for the connection at hand (perfect negotiation, W3C webrtc-pc §10.7). */
export function decideOffer(state: {
  readonly polite: boolean;
  /** An offer of our own is being made. */
  readonly makingOffer: boolean;
  readonly signalingState: RTCSignalingState;
}): 'take' | 'giveWay' | 'ignore' {
  const crossed = state.makingOffer || state.signalingState === 'have-local-offer';
  if (!crossed) return 'take';
  return state.polite ? 'giveWay' : 'ignore';
}

/** What to do with an offer under an id that is not the connection's at hand. */
export function decideAttempt(state: {
  readonly polite: boolean;
  /** The id is of a connection that was dropped here. */
  readonly retired: boolean;
  /** A connection that we began ourselves has had no answer yet: it crosses with this one. */
  readonly ownUnanswered: boolean;
}): 'begin' | 'ignore' {
  if (state.retired) return 'ignore';
  return state.ownUnanswered && !state.polite ? 'ignore' : 'begin';
}
