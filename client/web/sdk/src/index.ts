/** The public API of the moim client library. */
export type { ChatMessage } from './chatTypes.js';
export {
  ConnectionError,
  MediaDeviceError,
  type MediaDeviceFault,
  MoimError,
  SignalError,
  type SignalFault,
  UnsupportedError,
} from './errors.js';
export type { FileState, FileTransfer, IncomingFile, OutgoingFile } from './files/types.js';
export type {
  ConnectionState,
  ConnectOptions,
  DisconnectReason,
  Logger,
  RoomOptions,
  Transport,
} from './options.js';
export { LocalParticipant } from './participants/localParticipant.js';
export { Participant, type ParticipantEvents } from './participants/participant.js';
export { RemoteParticipant } from './participants/remoteParticipant.js';
export type * from './protocol.js';
export { Room } from './room.js';
export type { RoomEvents } from './roomEvents.js';
export { PeerTrace } from './trace/peerTrace.js';
export type {
  ConnectionQuality,
  PeerState,
  RelayReason,
  TraceCandidate,
  TraceDtls,
  TraceKind,
  TraceMedia,
  TracePair,
  TraceStep,
} from './trace/types.js';
export { type AudioMeter, createAudioMeter } from './tracks/audioMeter.js';
export { createLocalTracks } from './tracks/capture.js';
export { LocalTrack } from './tracks/localTrack.js';
export {
  LocalTrackPublication,
  type Reception,
  RemoteTrackPublication,
  TrackPublication,
  type VideoQuality,
} from './tracks/publication.js';
export { RemoteTrack, Track } from './tracks/track.js';
