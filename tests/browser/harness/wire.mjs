// A client that keeps to no rules: whatever a stranger on the network may send (docs/protocol.md, "Links").

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { HOST } from './address.mjs';
import { within } from './wait.mjs';

/**
 * @typedef {Record<string, unknown> & { type: string }} Frame
 */

export class WireClient {
  /** @type {Frame[]} */
  #frames = [];
  /** @type {(() => void) | undefined} */
  #wake;
  #isOver = false;
  /** The number of the last message that has come, to be acknowledged. */
  received = 0;

  /** @param {number} port */
  constructor(port) {
    this.socket = new WebSocket(`wss://${HOST}:${port}/signal/v1/ws`, { rejectUnauthorized: false });
    this.socket.on('message', (data) => {
      const frame = JSON.parse(data.toString());
      if (frame.type === 'message') this.received = frame.seq;
      this.#frames.push(frame);
      this.#wake?.();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  /**
   * A link that is open, and on which nothing has been said.
   * @param {number} port
   */
  static async open(port) {
    const client = new WireClient(port);
    await within('the link opens', once(client.socket, 'open'));
    return client;
  }

  /**
   * A link with a session.
   * @param {number} port
   * @param {{ token?: string }} [hello]
   */
  static async greet(port, hello = {}) {
    const client = await WireClient.open(port);
    client.send({ type: 'hello', version: 1, ...hello });
    return client;
  }

  /** @param {unknown} frame */
  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /**
   * The next frame of one of these types; others before it are passed over.
   * @param {string | string[]} types
   * @param {(frame: Frame) => boolean} [isIt]
   * @returns {Promise<Frame>}
   */
  async next(types, isIt = () => true) {
    return within(`a frame "${types}"`, this.#find([types].flat(), isIt));
  }

  /**
   * @param {string[]} types
   * @param {(frame: Frame) => boolean} isIt
   */
  async #find(types, isIt) {
    for (;;) {
      while (this.#frames.length > 0) {
        const frame = /** @type {Frame} */ (this.#frames.shift());
        if (types.includes(frame.type) && isIt(frame)) return frame;
      }
      if (this.#isOver) throw new Error(`the link ended without a frame "${types}"`);
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
  }

  /** Waits until the server has closed the link. */
  async closed() {
    if (this.socket.readyState !== WebSocket.CLOSED) await within('the link closes', once(this.socket, 'close'));
  }

  stop() {
    this.socket.terminate();
  }
}

/**
 * Sends bytes to the TCP port and waits until the server has had enough of it.
 * @param {number} port
 * @param {Uint8Array} bytes
 */
export async function sendTcp(port, bytes) {
  const socket = connect(port, HOST);
  // A reset is as good an end as any.
  socket.on('error', () => {});
  socket.resume();
  socket.write(bytes);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await within('the server closes a connection of garbage', closed);
}

/**
 * Sends datagrams to the UDP port.
 * @param {number} port
 * @param {Uint8Array[]} datagrams
 */
export async function sendUdp(port, datagrams) {
  const socket = createSocket('udp4');
  for (const datagram of datagrams) {
    await new Promise((resolve) => socket.send(datagram, port, HOST, resolve));
  }
  socket.close();
}

/**
 * Asks the server for one's own address (RFC 8489 §2) and gives the type of its answer.
 * @param {number} port
 * @returns {Promise<number>}
 */
export async function askStun(port) {
  const request = Buffer.concat([Buffer.from('000100002112a442', 'hex'), Buffer.from('moim-testing')]);
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message');
    socket.send(request, port, HOST);
    const [message] = await within('the server answers STUN', answer);
    return message.readUInt16BE(0);
  } finally {
    socket.close();
  }
}
