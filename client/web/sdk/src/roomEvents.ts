import type { ChatMessage } from './chatTypes.js';
import type { MediaDeviceError, MoimError } from './errors.js';
import type { IncomingFile } from './files/types.js';
import type { ConnectionState, DisconnectReason } from './options.js';
import type { Participant } from './participants/participant.js';
import type { RemoteParticipant } from './participants/remoteParticipant.js';
import type { LeaveReason, Topology, TopologyReason } from './protocol.js';
import type { LocalTrackPublication, RemoteTrackPublication, TrackPublication } from './tracks/publication.js';
import type { RemoteTrack } from './tracks/track.js';

/** What happens in a room. */
export interface RoomEvents {
  /** `Room.state` changed. */
  connectionStateChanged(state: ConnectionState): void;
  /** The room is joined for the first time. */
  connected(): void;
  /** The server cannot be reached; media between participants goes on. */
  reconnecting(): void;
  /** The server is back, or the room was joined again after it restarted. */
  reconnected(): void;
  /** The room is no longer joined, and will not be unless `connect` is called. */
  disconnected(reason: DisconnectReason): void;
  /** Somebody came, or was there already on joining. */
  participantConnected(participant: RemoteParticipant): void;
  /** Somebody is gone. */
  participantDisconnected(participant: RemoteParticipant, reason: LeaveReason): void;
  /** Somebody's name, metadata, permissions, link or connection quality changed. */
  participantUpdated(participant: Participant): void;
  /** Somebody announced a track. */
  trackPublished(publication: RemoteTrackPublication, participant: RemoteParticipant): void;
  /** A track is gone. */
  trackUnpublished(publication: RemoteTrackPublication, participant: RemoteParticipant): void;
  /** A track's media is here: attach it. */
  trackSubscribed(track: RemoteTrack, publication: RemoteTrackPublication, participant: RemoteParticipant): void;
  /** A track's media is here no more; it is detached already. */
  trackUnsubscribed(track: RemoteTrack, publication: RemoteTrackPublication, participant: RemoteParticipant): void;
  /** A track went silent or dark. */
  trackMuted(publication: TrackPublication, participant: Participant): void;
  /** A track sounds or shows again. */
  trackUnmuted(publication: TrackPublication, participant: Participant): void;
  /** The server forwards another part of a track, or for another reason; see `publication.reception`. */
  trackReceptionChanged(publication: RemoteTrackPublication, participant: RemoteParticipant): void;
  /** The local participant published a track. */
  localTrackPublished(publication: LocalTrackPublication): void;
  /** A track of the local participant is gone. */
  localTrackUnpublished(publication: LocalTrackPublication): void;
  /** Media takes another way between the participants, or for another reason. What is shown goes on meanwhile. */
  topologyChanged(topology: Topology, reason: TopologyReason): void;
  /** Who speaks, loudest first. */
  activeSpeakersChanged(speakers: readonly Participant[]): void;
  /** A line of chat, incoming or own. */
  chatMessage(message: ChatMessage): void;
  /** Bytes from another participant. */
  dataReceived(payload: Uint8Array, participant: RemoteParticipant, topic: string | undefined): void;
  /** Somebody offers a file. */
  fileOffered(file: IncomingFile): void;
  /** A device was plugged in or out. */
  mediaDevicesChanged(): void;
  /** A device in use is gone and nothing took its place; its track is muted. */
  mediaDevicesError(error: MediaDeviceError): void;
  /** `Room.canPlaybackAudio` changed. */
  audioPlaybackChanged(): void;
  /** The server will shut down in so many milliseconds. */
  draining(graceMs: number): void;
  /** Something went wrong that ends nothing. */
  error(error: MoimError): void;
}
