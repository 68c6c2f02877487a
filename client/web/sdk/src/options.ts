import type { SignalError } from './errors.js';

/** Where the library writes what it does. `console` fits. Secrets are never written. */
export interface Logger {
  /** Branches off the usual path. */
  debug(message: string, data?: Record<string, unknown>): void;
  /** What a user would notice. */
  info(message: string, data?: Record<string, unknown>): void;
  /** What a developer should look at. */
  warn(message: string, data?: Record<string, unknown>): void;
}

/** A logger that writes nothing, the default. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {} };

/** How signalling travels. */
export type Transport = 'websocket' | 'events';

/** Options of a room; all of them may be left out. */
export interface RoomOptions {
  /** Constraints for microphones. Echo cancellation, noise suppression and gain control are on unless turned off here. */
  audio?: MediaTrackConstraints;
  /** Constraints for cameras; 1280x720 at 30 frames/s unless said otherwise. */
  video?: MediaTrackConstraints;
  /** Added to the configuration of every `RTCPeerConnection`; `iceServers` here replace the server's. */
  rtcConfiguration?: RTCConfiguration;
  /** Which links to try, in order. WebSocket and then server-sent events unless said otherwise. */
  transports?: Transport[];
  /** Where to write what happens. Nowhere unless given. */
  logger?: Logger;
}

/** What `Room.connect` needs. */
export interface ConnectOptions {
  /** The room to enter: 1 to 64 of the characters `a-z A-Z 0-9 - _ .`. */
  room: string;
  /** What the others see. A token's own name takes precedence. */
  name: string;
  /** Text for the application's own use. */
  metadata?: string;
  /** The token; not needed where the server is in open mode. */
  token?: string;
  /** Gives up connecting when aborted. */
  signal?: AbortSignal;
}

/** Whether a room is joined. */
export type ConnectionState = 'disconnected' | 'connecting' | 'connected' | 'reconnecting';

/**
 * Why a room is no longer joined: by one's own wish (`clientInitiated`), or as the server said, or the code of what kept the
 * session from going on or the room from being joined again (`connectionLost`, `tokenExpired`, `roomFull`, …).
 */
export type DisconnectReason = 'clientInitiated' | SignalError['code'];
