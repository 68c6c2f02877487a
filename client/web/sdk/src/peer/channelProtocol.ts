/**
 * What travels on the `chat` and `data` channels between two participants, version 1. The other side is not trusted:
 * whatever is not exactly as described here is `undefined` to the reader, and dropped.
 *
 * - reliable channel, text: a {@link ControlMessage} as JSON with `v: 1`
 * - both channels, binary: version (1 byte, 1), length of the topic (1 byte), topic (UTF-8), payload
 */

/** The version of this protocol. */
const VERSION = 1;
/** Longest control message, in UTF-16 units. */
export const CONTROL_LEN_MAX = 65_536;
/** Longest id, in UTF-16 units. */
const ID_LEN_MAX = 64;
/** Longest topic, in bytes. */
export const TOPIC_LEN_MAX = 64;
/** Longest payload of data, in bytes: what every browser takes in one message. */
export const DATA_LEN_MAX = 60_000;

/** A message of the reliable channel. */
export type ControlMessage =
  /** A line of chat. `private`: for the receiver alone. */
  | { readonly type: 'chat'; readonly id: string; readonly text: string; readonly private: boolean }
  /** A line of chat has arrived. */
  | { readonly type: 'chatReceived'; readonly id: string };

/** Bytes of the application. */
export interface DataMessage {
  /** What they are about, if the sender said so. */
  readonly topic: string | undefined;
  /** The bytes. */
  readonly payload: Uint8Array;
}

/** Writes a control message. */
export function encodeControl(message: ControlMessage): string {
  return JSON.stringify({ v: VERSION, ...message });
}

/** Reads a control message. */
export function parseControl(text: string): ControlMessage | undefined {
  const message = parseObject(text, CONTROL_LEN_MAX);
  const { v, type, id } = message ?? {};
  if (v !== VERSION || !isId(id)) return undefined;
  if (type === 'chatReceived') return { type, id };
  const body = message?.['text'];
  if (type === 'chat' && typeof body === 'string' && body !== '') {
    return { type, id, text: body, private: message?.['private'] === true };
  }
  return undefined;
}

/** Writes bytes of the application. Topic and payload are within their limits. */
export function encodeData(payload: Uint8Array, topic: string | undefined): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(topic ?? '');
  const frame = new Uint8Array(2 + name.length + payload.length);
  frame.set([VERSION, name.length]);
  frame.set(name, 2);
  frame.set(payload, 2 + name.length);
  return frame;
}

/** Reads bytes of the application. */
export function parseData(frame: Uint8Array): DataMessage | undefined {
  const topicLength = frame[1];
  if (frame[0] !== VERSION || topicLength === undefined || topicLength > TOPIC_LEN_MAX) return undefined;
  const payload = frame.subarray(2 + topicLength);
  if (frame.length < 2 + topicLength || payload.length > DATA_LEN_MAX) return undefined;
  if (topicLength === 0) return { topic: undefined, payload };
  try {
    const topic = new TextDecoder('utf-8', { fatal: true }).decode(frame.subarray(2, 2 + topicLength));
    return { topic, payload };
  } catch {
    return undefined;
  }
}

/** Reads a JSON object of limited length. */
export function parseObject(text: string, lengthMax: number): Record<string, unknown> | undefined {
  if (text.length > lengthMax) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value can be an id. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= ID_LEN_MAX;
}
