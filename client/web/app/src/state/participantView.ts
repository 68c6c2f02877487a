import type {
  ConnectionQuality,
  LayerReason,
  Participant,
  RemoteParticipant,
  RemoteTrackPublication,
  Track,
  TrackSource,
} from 'moim-client';

/** How good a connection is. */
export type Quality = ConnectionQuality;

/** A participant as the screen shows it, at one moment. */
export interface ParticipantView {
  readonly id: string;
  readonly name: string;
  readonly isLocal: boolean;
  readonly isAdmin: boolean;
  readonly microphoneOn: boolean;
  readonly speaking: boolean;
  /** `joining` until media can flow for the first time, `interrupted` when it, or the server's link to them, is cut. */
  readonly link: 'joining' | 'connected' | 'interrupted';
  /** Absent for oneself. */
  readonly quality?: Quality;
  /** Their camera's picture. */
  readonly camera?: Track;
  /** Their shared screen. */
  readonly screen?: Track;
  /** Whether they share a screen, even if the picture has not arrived. */
  readonly sharing: boolean;
  /** Why the server sends no picture of their camera just now, though there is one. */
  readonly pictureHeld?: LayerReason;
  /** What is to be heard of them. */
  readonly sounds: readonly Track[];
  readonly participant: Participant;
}

/** Reads everything that is shown of `participant`. */
export function viewOf(participant: Participant): ParticipantView {
  const remote = participant.isLocal ? undefined : (participant as RemoteParticipant);
  const camera = liveTrack(participant, 'camera');
  const screen = liveTrack(participant, 'screenShare');
  const held = heldPicture(remote?.getTrackPublication('camera'));
  return {
    id: participant.id,
    name: participant.name,
    isLocal: participant.isLocal,
    isAdmin: participant.permissions.admin,
    microphoneOn: participant.isMicrophoneEnabled,
    speaking: participant.isSpeaking,
    link: linkOf(participant, remote),
    ...(remote ? { quality: remote.connectionQuality } : {}),
    ...(camera ? { camera } : {}),
    ...(screen ? { screen } : {}),
    ...(held ? { pictureHeld: held } : {}),
    sharing: participant.isScreenShareEnabled,
    sounds: remote ? SOUND_SOURCES.flatMap((source) => remote.getTrackPublication(source)?.track ?? []) : [],
    participant,
  };
}

const SOUND_SOURCES: readonly TrackSource[] = ['microphone', 'screenShareAudio'];

function linkOf(participant: Participant, remote: RemoteParticipant | undefined): ParticipantView['link'] {
  if (participant.link === 'interrupted') return 'interrupted';
  switch (remote?.connectionState) {
    case 'interrupted':
    case 'failed':
      return 'interrupted';
    case 'new':
    case 'connecting':
      return 'joining';
    default:
      return 'connected';
  }
}

function liveTrack(participant: Participant, source: TrackSource): Track | undefined {
  const publication = participant.getTrackPublication(source);
  return publication && !publication.isMuted ? publication.track : undefined;
}

/** Why a picture that is published and watched is not sent. */
function heldPicture(publication: RemoteTrackPublication | undefined): LayerReason | undefined {
  const { isMuted, reception } = publication ?? {};
  return isMuted === false && reception && !reception.layer ? reception.reason : undefined;
}

/** The publication behind a tile, if it is somebody else's. */
export function publicationOf(
  { participant }: ParticipantView,
  source: TrackSource,
): RemoteTrackPublication | undefined {
  return participant.isLocal ? undefined : (participant as RemoteParticipant).getTrackPublication(source);
}
