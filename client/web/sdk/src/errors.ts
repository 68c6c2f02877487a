/**
 * What goes wrong, as classes with stable codes. Every message says what happened, why, and what to do.
 */
import type { CloseCode, ErrorCode, LeaveReason } from './protocol.js';

/** The base of every error this library rejects with. `code` is stable; `message` is English and may change. */
export class MoimError extends Error {
  /** The class's name, written out: a bundler may shorten the class's own. */
  override readonly name: string = 'MoimError';
  /** A stable code to translate or branch on. */
  readonly code: string;

  /** Makes an error; `options.cause` keeps what lies beneath. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Codes of {@link SignalError} that the server did not send. */
export type SignalFault =
  | 'unreachable'
  | 'connectionLost'
  | 'aborted'
  | 'notConnected'
  | 'alreadyConnected'
  | 'tooManyPending'
  | 'invalidUrl';

/** The server refused something, or cannot be reached. */
export class SignalError extends MoimError {
  override readonly name = 'SignalError';
  declare readonly code: ErrorCode | CloseCode | LeaveReason | SignalFault;

  /** Makes an error with a code of the protocol or of this library. */
  constructor(code: ErrorCode | CloseCode | LeaveReason | SignalFault, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** What kept a device from being used. */
export type MediaDeviceFault = 'permissionDenied' | 'notFound' | 'inUse' | 'other';

/** A microphone, camera or screen could not be used. */
export class MediaDeviceError extends MoimError {
  override readonly name = 'MediaDeviceError';
  declare readonly code: MediaDeviceFault;
  /** What kept the device from being used; the same as `code`. */
  readonly kind: MediaDeviceFault;
  /** Which device was wanted, where that is known. */
  readonly device: 'microphone' | 'camera' | 'screen' | 'speaker' | undefined;

  /** Makes an error about one kind of device. */
  constructor(kind: MediaDeviceFault, message: string, device?: MediaDeviceError['device'], options?: ErrorOptions) {
    super(kind, message, options);
    this.kind = kind;
    this.device = device;
  }
}

/** Something between two participants failed: the connection, a data channel, a file. */
export class ConnectionError extends MoimError {
  override readonly name = 'ConnectionError';
}

/** This browser, or this page, cannot hold a call. */
export class UnsupportedError extends MoimError {
  override readonly name = 'UnsupportedError';
}
