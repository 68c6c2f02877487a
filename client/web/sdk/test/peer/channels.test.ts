import { expect, test } from 'vitest';
import { PeerChannels } from '../../src/peer/channels.js';

/** Channels that are open, of which `bufferedAmount` bytes wait. */
function make(bufferedAmount: number, send: () => void = () => undefined): PeerChannels {
  const connection = { createDataChannel: (label: string) => ({ label, readyState: 'open', bufferedAmount, send }) };
  return new PeerChannels(connection as unknown as RTCPeerConnection);
}

const message = { type: 'chatReceived', id: '1' } as const;

test('somebody who does not read gets no control messages, and nothing is thrown', () => {
  const full = () => {
    throw new DOMException('the queue is full', 'OperationError');
  };
  expect(make(0).sendControl(message)).toBe(true);
  expect(make(1 << 30).sendControl(message)).toBe(false);
  expect(make(0, full).sendControl(message)).toBe(false);
});

test('somebody who does not read gets no data; what is lossy is dropped in silence', () => {
  expect(make(0).sendData(new Uint8Array(1), undefined, true)).toBe(true);
  expect(make(1 << 30).sendData(new Uint8Array(1), undefined, true)).toBe(false);
  expect(make(1 << 30).sendData(new Uint8Array(1), undefined, false)).toBe(true);
});
