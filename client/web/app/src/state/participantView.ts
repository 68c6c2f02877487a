import type { Participant, RemoteParticipant, Track, TrackSource } from 'moim-client';

/** How good a connection is. */
export type Quality = RemoteParticipant['connection']['quality'];

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
  /** What is to be heard of them. */
  readonly sounds: readonly Track[];
  readonly participant: Participant;
}

/** Reads everything that is shown of `participant`. */
export function viewOf(participant: Participant): ParticipantView {
  const remote = participant.isLocal ? undefined : (participant as RemoteParticipant);
  const camera = liveTrack(participant, 'camera');
  const screen = liveTrack(participant, 'screenShare');
  return {
    id: participant.id,
    name: participant.name,
    isLocal: participant.isLocal,
    isAdmin: participant.permissions.admin,
    microphoneOn: participant.isMicrophoneEnabled,
    speaking: participant.isSpeaking,
    link: linkOf(participant, remote),
    ...(remote ? { quality: remote.connection.quality } : {}),
    ...(camera ? { camera } : {}),
    ...(screen ? { screen } : {}),
    sharing: participant.isScreenShareEnabled,
    sounds: remote ? SOUND_SOURCES.map((source) => remote.getTrackPublication(source)?.track).filter(isTrack) : [],
    participant,
  };
}

const SOUND_SOURCES: readonly TrackSource[] = ['microphone', 'screenShareAudio'];

function linkOf(participant: Participant, remote: RemoteParticipant | undefined): ParticipantView['link'] {
  if (participant.link === 'interrupted') return 'interrupted';
  switch (remote?.connection.state) {
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

function isTrack(track: Track | undefined): track is Track {
  return track !== undefined;
}
