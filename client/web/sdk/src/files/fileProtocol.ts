/**
 * What travels on the `files` channel, version 1. The other side is not trusted: whatever is not exactly as described
 * here is `undefined` to the reader.
 *
 * - text: a {@link FileMessage} as JSON with `v: 1`
 * - binary: stream (4 bytes, big endian), then up to {@link CHUNK_LEN_MAX} bytes of the file, in order
 */
import { isId, parseObject } from '../peer/channelProtocol.js';

/** The version of this protocol. */
const VERSION = 1;
/** Bytes of a file in one message: what every browser sends without cutting it up further. */
export const CHUNK_LEN_MAX = 16_384;
/** Longest file, in bytes. */
export const FILE_LEN_MAX = 2 ** 31;
/** Longest name, in UTF-16 units. */
export const NAME_LEN_MAX = 255;
/** Longest media type, in UTF-16 units. */
const TYPE_LEN_MAX = 128;
/** Longest text message, in UTF-16 units. */
const MESSAGE_LEN_MAX = 4_096;
const HEADER_LEN = 4;
const STREAM_MAX = 0xffff_ffff;

/** Why a receiver does not go on. */
export type DeclineReason = 'rejected' | 'cancelled' | 'digestMismatch' | 'limit';

/** A message about a file. `stream` numbers the files of one sender on one connection. */
export type FileMessage =
  /** From the sender: would you like it? */
  | {
      readonly type: 'fileOffer';
      readonly stream: number;
      readonly id: string;
      readonly name: string;
      readonly size: number;
      readonly media: string;
    }
  /** From the sender: this was all of it. */
  | { readonly type: 'fileEnd'; readonly stream: number; readonly digest: string }
  /** From the sender: no more. */
  | { readonly type: 'fileCancel'; readonly stream: number }
  /** From the receiver: send it. */
  | { readonly type: 'fileAccept'; readonly stream: number }
  /** From the receiver: do not, or no further. */
  | { readonly type: 'fileDecline'; readonly stream: number; readonly reason: DeclineReason }
  /** From the receiver: it is here and whole. */
  | { readonly type: 'fileDone'; readonly stream: number };

/** Writes a message. */
export function encodeFileMessage(message: FileMessage): string {
  return JSON.stringify({ v: VERSION, ...message });
}

/** Reads a message. */
export function parseFileMessage(text: string): FileMessage | undefined {
  const message = parseObject(text, MESSAGE_LEN_MAX) ?? {};
  const { v, type, stream, id, name, size, media, digest, reason } = message;
  if (v !== VERSION || !isInteger(stream, STREAM_MAX)) return undefined;
  switch (type) {
    case 'fileOffer':
      return isId(id) && isText(name, NAME_LEN_MAX) && isInteger(size, FILE_LEN_MAX) && isText(media, TYPE_LEN_MAX)
        ? { type, stream, id, name: safeName(name), size, media }
        : undefined;
    case 'fileEnd':
      return typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest) ? { type, stream, digest } : undefined;
    case 'fileDecline':
      return isDeclineReason(reason) ? { type, stream, reason } : undefined;
    case 'fileAccept':
    case 'fileCancel':
    case 'fileDone':
      return { type, stream };
    default:
      return undefined;
  }
}

/** Writes a piece of a file. */
export function encodeChunk(stream: number, chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER_LEN + chunk.length);
  new DataView(frame.buffer).setUint32(0, stream);
  frame.set(chunk, HEADER_LEN);
  return frame;
}

/** Reads a piece of a file. */
export function parseChunk(frame: ArrayBuffer): { stream: number; chunk: Uint8Array } | undefined {
  if (frame.byteLength <= HEADER_LEN || frame.byteLength > HEADER_LEN + CHUNK_LEN_MAX) return undefined;
  return { stream: new DataView(frame).getUint32(0), chunk: new Uint8Array(frame, HEADER_LEN) };
}

/** A name without a path, without control characters, and without those that turn the direction of what is shown. */
export function safeName(name: string): string {
  const base = name.split(/[\\/]/).at(-1) ?? '';
  const shown = base.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  return shown === '' || shown === '.' || shown === '..' ? 'file' : shown;
}

function isInteger(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax;
}

const DECLINE_REASONS: readonly unknown[] = ['rejected', 'cancelled', 'digestMismatch', 'limit'];

function isDeclineReason(value: unknown): value is DeclineReason {
  return DECLINE_REASONS.includes(value);
}
