import { expect, test } from 'vitest';
import { FileChannel, TRANSFERS_MAX } from '../../src/files/fileChannel.js';
import {
  CHUNK_LEN_MAX,
  encodeChunk,
  encodeFileMessage,
  parseChunk,
  parseFileMessage,
} from '../../src/files/fileProtocol.js';
import type { IncomingFile } from '../../src/files/types.js';
import type { RemoteParticipant } from '../../src/participants/remoteParticipant.js';

/** One end of a data channel in memory, which drains only when it is told to. */
class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  /** The most that ever waited. */
  peak = 0;
  /** Changes what goes through. */
  tamper = (data: string | ArrayBuffer): string | ArrayBuffer => data;
  other: FakeChannel | undefined;
  readonly #queue: (string | ArrayBuffer)[] = [];
  #draining = false;

  send(data: string | ArrayBufferView | ArrayBuffer | Blob): void {
    const copy = typeof data === 'string' ? data : Uint8Array.from(data as Uint8Array).buffer;
    this.bufferedAmount += typeof copy === 'string' ? copy.length : copy.byteLength;
    this.peak = Math.max(this.peak, this.bufferedAmount);
    this.#queue.push(copy);
    if (!this.#draining) setTimeout(() => this.#drain(), 0);
    this.#draining = true;
  }

  close(): void {
    this.readyState = 'closed';
    this.dispatchEvent(new Event('close'));
  }

  #drain(): void {
    this.#draining = false;
    for (const data of this.#queue.splice(0)) {
      this.bufferedAmount -= typeof data === 'string' ? data.length : data.byteLength;
      this.other?.dispatchEvent(new MessageEvent('message', { data: this.tamper(data) }));
    }
    this.dispatchEvent(new Event('bufferedamountlow'));
  }
}

const participant = (data = true) => ({ name: 'Ben', permissions: { data } }) as RemoteParticipant;

function pair(options: { data?: boolean } = {}) {
  const [near, far] = [new FakeChannel(), new FakeChannel()];
  near.other = far;
  far.other = near;
  const offers: IncomingFile[] = [];
  const sender = new FileChannel(near, participant(), () => undefined);
  const receiver = new FileChannel(far, participant(options.data), (file) => offers.push(file));
  return { near, far, sender, receiver, offers };
}

function bytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_value, index) => (index * 31) % 251);
}

async function offered(offers: IncomingFile[], count = 1): Promise<IncomingFile> {
  await expect.poll(() => offers.length).toBe(count);
  return offers[count - 1] as IncomingFile;
}

test.each([0, 1, CHUNK_LEN_MAX, CHUNK_LEN_MAX + 1, (1 << 20) - 1, 1 << 20, 3_000_000])(
  'a file of %i bytes arrives as it was sent',
  async (length) => {
    const { sender, offers, near } = pair();
    const content = bytes(length);
    const sending = sender.offer('f1', 'notes.txt', new Blob([content], { type: 'text/plain' }));
    const file = await offered(offers);
    expect([file.name, file.size, file.type, file.state]).toEqual(['notes.txt', length, 'text/plain', 'offered']);

    const blob = await file.accept();

    // `toEqual` takes seconds for arrays of this length.
    const arrived = new Uint8Array(await blob.arrayBuffer());
    expect(arrived.length === length && arrived.every((byte, index) => byte === content[index])).toBe(true);
    expect(blob.type).toBe('text/plain');
    await expect.poll(() => sending.state).toBe('done');
    expect([file.state, file.transferred, sending.transferred]).toEqual(['done', length, length]);
    expect(near.peak).toBeLessThan((1 << 20) + 3 * CHUNK_LEN_MAX);
  },
);

test('several files move at once', async () => {
  const { sender, offers } = pair();
  const contents = [bytes(2_000_000), bytes(100), bytes(500_000)];
  for (const [index, content] of contents.entries()) sender.offer(`f${index}`, 'x', new Blob([content]));
  await offered(offers, 3);
  const blobs = await Promise.all(offers.map((file) => file.accept()));
  expect(blobs.map(({ size }) => size)).toEqual([2_000_000, 100, 500_000]);
});

test('a file that was changed on the way is thrown away, and both sides know', async () => {
  const { near, sender, offers } = pair();
  near.tamper = (data) => {
    if (typeof data !== 'string') new Uint8Array(data)[100] = 1;
    return data;
  };
  const sending = sender.offer('f1', 'x', new Blob([bytes(50_000)]));
  const file = await offered(offers);
  await expect(file.accept()).rejects.toMatchObject({ code: 'file.digestMismatch' });
  await expect.poll(() => sending.state).toBe('failed');
});

test('a file longer than was offered is refused', async () => {
  const { near, sender, offers } = pair();
  sender.offer('f1', 'x', new Blob([bytes(10)]));
  const file = await offered(offers);
  const accepted = file.accept();
  near.send(encodeChunk(1, bytes(11)));
  await expect(accepted).rejects.toMatchObject({ code: 'file.digestMismatch' });
});

test('nothing moves before it is accepted, and nothing after it is rejected', async () => {
  const { near, sender, offers } = pair();
  const sending = sender.offer('f1', 'x', new Blob([bytes(10)]));
  const file = await offered(offers);
  near.send(encodeChunk(1, bytes(5)));
  file.reject();
  await expect.poll(() => sending.state).toBe('rejected');
  expect([file.state, file.transferred, sending.transferred]).toEqual(['rejected', 0, 0]);
});

test('either side can cancel', async () => {
  const { sender, offers } = pair();
  const first = sender.offer('f1', 'x', new Blob([bytes(5_000_000)]));
  const accepted = (await offered(offers)).accept();
  first.cancel();
  await expect(accepted).rejects.toMatchObject({ code: 'fileCancelled' });

  const second = sender.offer('f2', 'x', new Blob([bytes(5_000_000)]));
  const file = await offered(offers, 2);
  const cancelled = file.accept();
  file.cancel();
  await expect(cancelled).rejects.toMatchObject({ code: 'file.cancelled' });
  await expect.poll(() => second.state).toBe('cancelled');
});

test('a broken connection fails what is under way', async () => {
  const { near, far, sender, offers } = pair();
  const sending = sender.offer('f1', 'x', new Blob([bytes(5_000_000)]));
  const accepted = (await offered(offers)).accept();
  near.close();
  far.close();
  await expect(accepted).rejects.toMatchObject({ code: 'fileInterrupted' });
  expect([sending.state, sending.error?.code]).toEqual(['failed', 'fileInterrupted']);
});

test('a participant can offer only so much, and nothing without permission', async () => {
  const { near, sender, offers } = pair();
  for (let count = 0; count < TRANSFERS_MAX; count += 1) sender.offer(`f${count}`, 'x', new Blob([bytes(1)]));
  expect(() => sender.offer('more', 'x', new Blob([]))).toThrow('Wait for one of them');
  await offered(offers, TRANSFERS_MAX);
  near.send(encodeFileMessage({ type: 'fileOffer', stream: 99, id: 'a', name: 'x', size: 1, media: '' }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(offers).toHaveLength(TRANSFERS_MAX);

  const forbidden = pair({ data: false });
  const sending = forbidden.sender.offer('f', 'x', new Blob([bytes(1)]));
  await expect.poll(() => sending.state).toBe('failed');
  expect(forbidden.offers).toHaveLength(0);
});

test('names lose their paths and what could disguise them', () => {
  const name = (given: string) => {
    const offer = encodeFileMessage({ type: 'fileOffer', stream: 1, id: 'a', name: given, size: 1, media: '' });
    const parsed = parseFileMessage(offer);
    return parsed?.type === 'fileOffer' ? parsed.name : undefined;
  };
  expect(name('../../etc/passwd')).toBe('passwd');
  expect(name('C:\\evil.exe')).toBe('evil.exe');
  expect(name('photo\u202egpj.exe')).toBe('photogpj.exe');
  expect(name('a\u0000\nb')).toBe('ab');
  expect(name('..')).toBe('file');
  expect(name('')).toBe('file');
  expect(name('x'.repeat(256))).toBeUndefined();
});

test.each([
  '{"v":1,"type":"fileOffer","stream":-1,"id":"a","name":"x","size":1,"media":""}',
  '{"v":1,"type":"fileOffer","stream":1,"id":"a","name":"x","size":1e300,"media":""}',
  '{"v":1,"type":"fileOffer","stream":1,"id":"a","name":"x","size":1.5,"media":""}',
  '{"v":1,"type":"fileOffer","stream":1,"id":"a","name":7,"size":1,"media":""}',
  '{"v":1,"type":"fileEnd","stream":1,"digest":"zz"}',
  '{"v":1,"type":"fileDecline","stream":1,"reason":"__proto__"}',
  '{"v":1,"type":"constructor","stream":1}',
  '{"v":3,"type":"fileAccept","stream":1}',
  'x'.repeat(5_000),
])('hostile message %# is dropped', (text) => {
  expect(parseFileMessage(text)).toBeUndefined();
});

test('pieces of impossible lengths are dropped', () => {
  expect(parseChunk(new ArrayBuffer(0))).toBeUndefined();
  expect(parseChunk(new ArrayBuffer(4))).toBeUndefined();
  expect(parseChunk(new ArrayBuffer(4 + CHUNK_LEN_MAX + 1))).toBeUndefined();
  expect(parseChunk(new ArrayBuffer(4 + CHUNK_LEN_MAX))?.chunk).toHaveLength(CHUNK_LEN_MAX);
});
