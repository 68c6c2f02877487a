// Generated from proto/signal by `cargo xtask codegen`. Change the Rust types instead.

/**
 * The name of a room, as in its link: 1 to 64 of the characters `a-z A-Z 0-9 - _ .`.
 */
export type RoomName = string;

/**
 * One participant of a room, from its join to its leave. Made by the server; never used again.
 */
export type ParticipantId = string;

/**
 * A published source of media, unique within its participant. Made by the publishing client, 1 to 64 bytes.
 */
export type TrackId = string;

/**
 * One attempt at a peer connection between two participants. Made by the client that begins it, 1 to 64 bytes. A new one
 * means: what came before is gone, begin afresh.
 */
export type PeerConnectionId = string;

/**
 * A chat message, unique within its sender. Made by the sending client, 1 to 64 bytes.
 */
export type ChatId = string;

/**
 * A signal session: what outlives a dropped link for the resume window.
 */
export type SessionId = string;

/**
 * Proof that a link may take over a signal session. It never appears in a log.
 */
export type SessionSecret = string;

/**
 * What goes from client to server on a link, one JSON object each.
 */
export type ClientFrame = { "type": "hello" } & Hello | { "type": "message", 
/**
 * 1 for the session's first message, then one more each.
 */
seq: number, 
/**
 * The last server message received.
 */
ack: number, 
/**
 * The message.
 */
body: ClientMessage, } | { "type": "ack", 
/**
 * The last server message received.
 */
ack: number, } | { "type": "ping", 
/**
 * The last server message received.
 */
ack: number, };

/**
 * How a link begins.
 */
export type Hello = { 
/**
 * The protocol version the client speaks: 1.
 */
version: number, 
/**
 * The client software, for statistics and support.
 */
client?: string, 
/**
 * The token; not needed in open mode.
 */
token?: string, 
/**
 * Set to go on with a session whose link dropped.
 */
resume?: Resume, };

/**
 * A wish to go on with a session.
 */
export type Resume = { 
/**
 * From `welcome`.
 */
session: SessionId, 
/**
 * From `welcome`.
 */
secret: SessionSecret, 
/**
 * The last server message received.
 */
ack: number, };

/**
 * What a client asks of the server. Each is answered by an effect, or by `error` with its sequence number.
 */
export type ClientMessage = { "type": "join", 
/**
 * The room to enter.
 */
room: RoomName, 
/**
 * What the other participants see. A token's own name takes precedence.
 */
name: string, 
/**
 * Text for the application's own use, opaque to the server.
 */
metadata?: string, 
/**
 * Whether it can connect to the others directly, too; `true` when left out. Where somebody cannot, the server forwards.
 */
direct?: boolean, } | { "type": "leave" } | { "type": "offer", 
/**
 * For whom.
 */
to: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The session description.
 */
sdp: string, 
/**
 * Which media section carries which published track of the sender.
 */
tracks: Array<MidTrack>, } | { "type": "answer", 
/**
 * For whom.
 */
to: ParticipantId, 
/**
 * The attempt named in the offer.
 */
connection: PeerConnectionId, 
/**
 * The session description.
 */
sdp: string, 
/**
 * Which media section carries which published track of the sender.
 */
tracks: Array<MidTrack>, } | { "type": "candidate", 
/**
 * For whom.
 */
to: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The candidate.
 */
candidate: IceCandidate, } | { "type": "endOfCandidates", 
/**
 * For whom.
 */
to: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The ICE generation that is complete.
 */
usernameFragment?: string, } | { "type": "publish", 
/**
 * The track.
 */
track: TrackDescription, } | { "type": "unpublish", 
/**
 * Which.
 */
track: TrackId, } | { "type": "mute", 
/**
 * Which.
 */
track: TrackId, 
/**
 * Whether it is muted.
 */
muted: boolean, } | { "type": "update", 
/**
 * The new name.
 */
name?: string, 
/**
 * The new metadata.
 */
metadata?: string, } | { "type": "chat", 
/**
 * Made by the sender, so that a message that came by two ways counts once.
 */
id: ChatId, 
/**
 * For whom; everybody in the room when left out.
 */
to?: ParticipantId, 
/**
 * The text.
 */
text: string, } | { "type": "watch", 
/**
 * Which tracks, and how: at most 256. Those of nobody in the room are passed over.
 */
watches: Array<TrackWatch>, } | { "type": "switched", 
/**
 * Which.
 */
topology: Topology, } | { "type": "reportPath", 
/**
 * To whom.
 */
to: ParticipantId, 
/**
 * How it is.
 */
state: PathState, } | { "type": "refreshIceServers" } | { "type": "kick", 
/**
 * Whom.
 */
participant: ParticipantId, } | { "type": "setPermissions", 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * All of them.
 */
permissions: Permissions, } | { "type": "muteTrack", 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * Which of theirs.
 */
track: TrackId, } | { "type": "closeRoom" };

/**
 * Ties a media section of a session description to a published track.
 */
export type MidTrack = { 
/**
 * The section's `a=mid` (RFC 9143).
 */
mid: string, 
/**
 * The sender's track it carries.
 */
track: TrackId, };

/**
 * How a participant wants to have a track that the server forwards.
 */
export type TrackWatch = { 
/**
 * Whose track.
 */
participant: ParticipantId, 
/**
 * Which of theirs.
 */
track: TrackId, 
/**
 * Whether it is wanted at all.
 */
wanted: boolean, 
/**
 * Whether nothing of it is to be sent for now: it is out of sight.
 */
paused: boolean, 
/**
 * How wide its pictures are displayed, in pixels of the device. As large as there is, when left out.
 */
width?: number, 
/**
 * How high, in the same.
 */
height?: number, 
/**
 * What matters more has the greater number. 0 when left out.
 */
priority?: number, };

/**
 * How the direct path between two participants is.
 */
export type PathState = "good" | "poor" | "absent";

/**
 * An ICE candidate as browsers give and take it (`RTCIceCandidateInit` of W3C webrtc-pc).
 */
export type IceCandidate = { 
/**
 * The `candidate-attribute` of RFC 8839 §5.1.
 */
candidate: string, 
/**
 * The media section it belongs to, by its `a=mid`.
 */
sdpMid?: string, 
/**
 * The media section it belongs to, by its position.
 */
sdpMLineIndex?: number, 
/**
 * The ICE generation it belongs to.
 */
usernameFragment?: string, };

/**
 * What goes from server to client on a link, one JSON object each.
 */
export type ServerFrame = { "type": "welcome", 
/**
 * The session, new or resumed.
 */
session: SessionId, 
/**
 * What `resume` must show.
 */
secret: SessionSecret, 
/**
 * Whether the session asked for goes on. If not, this is a new one: join again.
 */
resumed: boolean, 
/**
 * The last client message received; send again what came after it.
 */
ack: number, 
/**
 * How often to `ping`, in milliseconds.
 */
heartbeatMs: number, 
/**
 * How long a session outlives its link, in milliseconds.
 */
resumeWindowMs: number, 
/**
 * Whether anybody may enter any room here, without a token.
 */
open: boolean, 
/**
 * Limits to keep to.
 */
limits: SignalLimits, } | { "type": "message", 
/**
 * 1 for the session's first message, then one more each.
 */
seq: number, 
/**
 * The last client message received.
 */
ack: number, 
/**
 * The message.
 */
body: ServerMessage, } | { "type": "ack", 
/**
 * The last client message received.
 */
ack: number, } | { "type": "pong", 
/**
 * The last client message received.
 */
ack: number, } | { "type": "rejected", 
/**
 * What kind of refusal.
 */
code: ErrorCode, 
/**
 * What happened, why, and what to do, in English.
 */
message: string, } | { "type": "close", 
/**
 * Why.
 */
code: CloseCode, 
/**
 * Whether connecting again, as it is, can succeed.
 */
retry: boolean, 
/**
 * What happened, why, and what to do, in English.
 */
message: string, };

/**
 * What the server tells a client.
 */
export type ServerMessage = { "type": "joined", 
/**
 * The room.
 */
room: RoomDescription, 
/**
 * Yourself, as the others see you.
 */
participant: ParticipantDescription, 
/**
 * The others, longest present first. In a mesh whoever joins begins the connections: offer to each of these.
 */
participants: Array<ParticipantDescription>, 
/**
 * STUN and TURN servers to use for connections in this room, with credentials of your own.
 */
iceServers: Array<IceServer>, } | { "type": "iceServers", 
/**
 * For whom: yourself.
 */
participant: ParticipantId, 
/**
 * All of them.
 */
iceServers: Array<IceServer>, } | { "type": "left", 
/**
 * Why.
 */
reason: LeaveReason, } | { "type": "participantJoined", 
/**
 * Who.
 */
participant: ParticipantDescription, } | { "type": "participantUpdated", 
/**
 * The whole new description.
 */
participant: ParticipantDescription, } | { "type": "participantLeft", 
/**
 * Who.
 */
participant: ParticipantId, 
/**
 * Why.
 */
reason: LeaveReason, } | { "type": "offer", 
/**
 * From whom.
 */
from: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The session description.
 */
sdp: string, 
/**
 * Which media section carries which published track of the sender.
 */
tracks: Array<MidTrack>, } | { "type": "answer", 
/**
 * From whom.
 */
from: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The session description.
 */
sdp: string, 
/**
 * Which media section carries which published track of the sender.
 */
tracks: Array<MidTrack>, } | { "type": "candidate", 
/**
 * From whom.
 */
from: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The candidate.
 */
candidate: IceCandidate, } | { "type": "endOfCandidates", 
/**
 * From whom.
 */
from: ParticipantId, 
/**
 * Which attempt at a connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * The ICE generation that is complete.
 */
usernameFragment?: string, } | { "type": "topology", 
/**
 * In which.
 */
topology: Topology, 
/**
 * Why so.
 */
reason: TopologyReason, } | { "type": "topologySettled", 
/**
 * To which.
 */
topology: Topology, } | { "type": "sections", 
/**
 * Which attempt at the connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * Those that changed.
 */
sections: Array<SectionContent>, } | { "type": "sectionsWanted", 
/**
 * Which attempt at the connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * How many for sound, in all.
 */
audio: number, 
/**
 * How many for pictures, in all.
 */
video: number, } | { "type": "encodingsWanted", 
/**
 * Which attempt at the connection this belongs to.
 */
connection: PeerConnectionId, 
/**
 * Which track.
 */
track: TrackId, 
/**
 * Their places, in the order in which your offer names them.
 */
encodings: Array<number>, } | { "type": "connectionEnded", 
/**
 * Which attempt at the connection it was.
 */
connection: PeerConnectionId, 
/**
 * Why.
 */
reason: ConnectionEndReason, 
/**
 * What happened, and what to do, in English.
 */
message: string, } | { "type": "speakers", 
/**
 * Who has the floor.
 */
dominant?: ParticipantId, 
/**
 * Everybody who speaks just now.
 */
speaking: Array<ParticipantId>, } | { "type": "chat", 
/**
 * Made by the sender.
 */
id: ChatId, 
/**
 * From whom.
 */
from: ParticipantId, 
/**
 * Set when it is for you alone.
 */
to?: ParticipantId, 
/**
 * The text.
 */
text: string, } | { "type": "error", 
/**
 * The sequence number of that message.
 */
request: number, 
/**
 * What kind of refusal.
 */
code: ErrorCode, 
/**
 * What happened, why, and what to do, in English.
 */
message: string, } | { "type": "draining", 
/**
 * How long until then, in milliseconds.
 */
graceMs: number, };

/**
 * A room as a joining participant finds it.
 */
export type RoomDescription = { 
/**
 * Its name.
 */
name: RoomName, 
/**
 * How media travels in it.
 */
topology: Topology, 
/**
 * Why so.
 */
topologyReason: TopologyReason, 
/**
 * What the server forwards, if it does, or may do so in time: then a connection to the server is to be kept, whatever the topology.
 */
forwarding?: Forwarding, 
/**
 * How many participants it takes.
 */
participantsMax: number, };

/**
 * How media travels between the participants of a room.
 */
export type Topology = "mesh" | "sfu";

/**
 * Why media travels as it does.
 */
export type TopologyReason = "configured" | "few" | "many" | "pathPoor" | "pathAbsent" | "serverOnly";

/**
 * How a connection to the server begins.
 */
export type Forwarding = { 
/**
 * With how many sections that receive sound.
 */
audioSections: number, 
/**
 * With how many sections that receive pictures.
 */
videoSections: number, };

/**
 * What a section of a connection to the server shows at present, and in which quality.
 */
export type SectionContent = { 
/**
 * The section's `a=mid` (RFC 9143).
 */
mid: string, 
/**
 * The track that it carries. Nothing, when left out.
 */
source?: ForwardedTrack, 
/**
 * Which part of the track is sent. Nothing, when left out.
 */
layer?: ForwardedLayer, 
/**
 * Why it is not more.
 */
reason: LayerReason, };

/**
 * A track of somebody's.
 */
export type ForwardedTrack = { 
/**
 * Whose.
 */
participant: ParticipantId, 
/**
 * Which of theirs.
 */
track: TrackId, };

/**
 * Which part of a track is forwarded.
 */
export type ForwardedLayer = { 
/**
 * Which of its encodings, in the order in which the publisher names them (RFC 8853).
 */
encoding: number, 
/**
 * Up to which spatial layer, 0 the lowest.
 */
spatial: number, 
/**
 * Up to which temporal layer, 0 the lowest.
 */
temporal: number, };

/**
 * Why a section has the layer that it has.
 */
export type LayerReason = "wanted" | "bandwidth" | "notSent" | "waitingForKeyFrame" | "paused";

/**
 * A participant as the others see it. Always sent whole: the newest replaces what was known.
 */
export type ParticipantDescription = { 
/**
 * Who.
 */
id: ParticipantId, 
/**
 * The identity that the token vouches for; absent in open mode.
 */
identity?: string, 
/**
 * What to call them.
 */
name: string, 
/**
 * Text for the application's own use.
 */
metadata?: string, 
/**
 * What they may do.
 */
permissions: Permissions, 
/**
 * What they publish, in the order published.
 */
tracks: Array<TrackDescription>, 
/**
 * Whether the server can reach them just now.
 */
link: LinkState, };

/**
 * Whether the server can reach a participant.
 */
export type LinkState = "connected" | "interrupted";

/**
 * What a participant may do in its room.
 */
export type Permissions = { 
/**
 * Publish tracks.
 */
publish: boolean, 
/**
 * Receive the tracks of others.
 */
subscribe: boolean, 
/**
 * Send chat and data.
 */
data: boolean, 
/**
 * Remove participants and close the room.
 */
admin: boolean, };

/**
 * A published source of media.
 */
export type TrackDescription = { 
/**
 * Which, within its participant.
 */
id: TrackId, 
/**
 * Sound or picture.
 */
kind: TrackKind, 
/**
 * Where it comes from.
 */
source: TrackSource, 
/**
 * Whether it is silent or dark for now.
 */
muted: boolean, };

/**
 * Sound or picture.
 */
export type TrackKind = "audio" | "video";

/**
 * Where a track comes from.
 */
export type TrackSource = "camera" | "microphone" | "screenShare" | "screenShareAudio" | "other";

/**
 * A STUN or TURN server to use (`RTCIceServer` of W3C webrtc-pc).
 */
export type IceServer = { 
/**
 * URIs of RFC 7064 and RFC 7065. `{host}` stands for the host by which the client reached the server.
 */
urls: Array<string>, 
/**
 * The user name, for TURN.
 */
username?: string, 
/**
 * The password, for TURN.
 */
credential?: IceCredential, 
/**
 * How long the password can be used to allocate, in milliseconds from when it was sent; for ever when left out. What was
 * allocated with it may be used beyond.
 */
lifetimeMs?: number, };

/**
 * The password of a TURN server. It never appears in a log.
 */
export type IceCredential = string;

/**
 * The limits a client should keep to, so that it can say so before the server has to.
 */
export type SignalLimits = { 
/**
 * Longest frame, in bytes of JSON.
 */
frameLenMax: number, 
/**
 * Longest name, in bytes of UTF-8.
 */
nameLenMax: number, 
/**
 * Longest metadata, in bytes of UTF-8.
 */
metadataLenMax: number, 
/**
 * Longest chat text, in bytes of UTF-8.
 */
chatLenMax: number, 
/**
 * Most tracks of one participant.
 */
tracksMax: number, };

/**
 * Why a message was refused. The session goes on.
 */
export type ErrorCode = "malformed" | "unknownType" | "tooLarge" | "rateLimited" | "invalidArgument" | "wrongRoom" | "permissionDenied" | "notJoined" | "alreadyJoined" | "roomFull" | "tooManyRooms" | "tooManyTracks" | "unknownParticipant" | "unknownTrack" | "draining";

/**
 * Why the server ends a link.
 */
export type CloseCode = "badHello" | "unsupportedVersion" | "tokenMissing" | "tokenInvalid" | "tokenExpired" | "protocolError" | "sequenceGap" | "flood" | "slowConsumer" | "timeout" | "replaced" | "serverFull" | "serverShutdown";

/**
 * Why a participant is no longer in the room.
 */
export type LeaveReason = "left" | "timedOut" | "kicked" | "roomClosed" | "replaced" | "dropped" | "serverShutdown";

/**
 * Why a connection to the server has ended.
 */
export type ConnectionEndReason = "badOffer" | "serverFull" | "failed" | "replaced";

