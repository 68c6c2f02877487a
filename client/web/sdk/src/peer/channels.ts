import { ConnectionError } from '../errors.js';
import {
  type ControlMessage,
  DATA_LEN_MAX,
  type DataMessage,
  encodeControl,
  encodeData,
  parseControl,
  parseData,
  TOPIC_LEN_MAX,
} from './channelProtocol.js';

/** The channels of every connection. Both sides make them under the same numbers, so none has to be announced. */
const CHANNELS = {
  reliable: { id: 0, ordered: true },
  lossy: { id: 1, ordered: false, maxRetransmits: 0 },
  files: { id: 2, ordered: true },
} as const;
/** Bytes that may wait in the reliable channel. */
const RELIABLE_BUFFER_MAX = 8 << 20;
/** Bytes that may wait in the lossy channel; older data is worth less than none. */
const LOSSY_BUFFER_MAX = 64 << 10;

/** The data channels of one connection. */
export class PeerChannels {
  /** Files have a channel of their own, so that chat does not wait behind them. */
  readonly files: RTCDataChannel;
  /** A control message came. */
  oncontrol: ((message: ControlMessage) => void) | undefined;
  /** Bytes of the application came. */
  ondata: ((message: DataMessage) => void) | undefined;
  /** Something came that is no message; it is dropped. */
  ondropped: ((channel: string) => void) | undefined;
  /** The channels opened. */
  onopen: (() => void) | undefined;
  readonly #reliable: RTCDataChannel;
  readonly #lossy: RTCDataChannel;

  /** Makes the channels of `connection`. */
  constructor(connection: RTCPeerConnection) {
    const make = (label: keyof typeof CHANNELS) => {
      const channel = connection.createDataChannel(label, { negotiated: true, ...CHANNELS[label] });
      channel.binaryType = 'arraybuffer';
      return channel;
    };
    this.#reliable = make('reliable');
    this.#lossy = make('lossy');
    this.files = make('files');
    this.#reliable.onopen = () => this.onopen?.();
    for (const channel of [this.#reliable, this.#lossy]) {
      channel.onmessage = ({ data }) => this.#handle(channel, data);
    }
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return this.#reliable.readyState === 'open';
  }

  /** Sends a control message. Returns whether there was room for it. */
  sendControl(message: ControlMessage): boolean {
    return this.open && this.#sendReliably(encodeControl(message));
  }

  /** Sends bytes of the application; the channels are open. Returns whether there was room; lossy data needs none. */
  sendData(payload: Uint8Array, topic: string | undefined, reliable: boolean): boolean {
    const frame = encodeData(payload, topic);
    if (reliable) return this.#sendReliably(frame);
    const { readyState, bufferedAmount } = this.#lossy;
    if (readyState === 'open' && bufferedAmount + frame.length <= LOSSY_BUFFER_MAX) this.#lossy.send(frame);
    return true;
  }

  /** Stops listening. */
  close(): void {
    for (const channel of [this.#reliable, this.#lossy, this.files]) {
      channel.onopen = null;
      channel.onmessage = null;
    }
  }

  #sendReliably(frame: string | Uint8Array<ArrayBuffer>): boolean {
    if (this.#reliable.bufferedAmount + frame.length > RELIABLE_BUFFER_MAX) return false;
    try {
      this.#reliable.send(frame as string);
      return true;
    } catch {
      // The browser's own limit: whoever does not read must not keep anything from the others.
      return false;
    }
  }

  #handle(channel: RTCDataChannel, data: unknown): void {
    if (typeof data === 'string' && channel === this.#reliable) {
      const message = parseControl(data);
      if (message !== undefined) return this.oncontrol?.(message);
    } else if (data instanceof ArrayBuffer) {
      const message = parseData(new Uint8Array(data));
      if (message !== undefined) return this.ondata?.(message);
    }
    this.ondropped?.(channel.label);
  }
}

/** Checks what an application wants to send. Throws {@link ConnectionError}. */
export function assertDataFits(payload: Uint8Array, topic: string | undefined): void {
  if (payload.length > DATA_LEN_MAX) {
    const text = `The data has ${payload.length} bytes, and one message takes ${DATA_LEN_MAX}. Cut it up, or send it as a file.`;
    throw new ConnectionError('dataTooLong', text);
  }
  if (new TextEncoder().encode(topic ?? '').length > TOPIC_LEN_MAX) {
    throw new ConnectionError('topicTooLong', `A topic takes ${TOPIC_LEN_MAX} bytes. Choose a shorter one.`);
  }
}
