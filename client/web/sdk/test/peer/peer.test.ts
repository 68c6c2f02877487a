import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/options.js';
import type { LocalMedia } from '../../src/participants/localParticipant.js';
import { Peer } from '../../src/peer/peer.js';
import { Transceivers } from '../../src/peer/transceivers.js';
import type { ClientMessage } from '../../src/protocol.js';
import { PeerTrace } from '../../src/trace/peerTrace.js';
import { FakeRtc } from './fakeRtc.js';

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('RTCPeerConnection', FakeRtc);
  FakeRtc.all = [];
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const camera = { kind: 'video' } as MediaStreamTrack;

function makePeer(options: { polite?: boolean } = {}) {
  const sent: ClientMessage[] = [];
  const trace = new PeerTrace();
  const state = {
    online: true,
    media: [
      { id: 'mic', kind: 'audio', source: 'microphone', track: null },
      { id: 'cam', kind: 'video', source: 'camera', track: camera },
    ] as LocalMedia[],
  };
  const peer = new Peer({
    to: 'p_b',
    polite: options.polite ?? false,
    configuration: () => ({}),
    trace,
    makeSections: (rtc) => new Transceivers(rtc),
    sourceOf: () => undefined,
    logger: silentLogger,
    send: (message) => sent.push(message),
    online: () => state.online,
    media: () => state.media,
    onmedia: () => undefined,
    oninterrupted: () => undefined,
    onconnection: () => undefined,
  });
  const from = 'p_b';
  return {
    peer,
    sent,
    trace,
    state,
    offers: () => sent.filter((message) => message.type === 'offer'),
    offer: (connection: string, sdp = 'audio video') =>
      peer.handle({ type: 'offer', from, connection, sdp, tracks: [{ mid: '1', track: 'their-cam' }] }),
    answer: (connection: string) => peer.handle({ type: 'answer', from, connection, sdp: 'a', tracks: [] }),
  };
}

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

test('whoever begins offers a section for everything that can be published', async () => {
  const { peer, sent } = makePeer();
  peer.begin();
  await settle();
  expect(sent).toMatchObject([
    {
      type: 'offer',
      to: 'p_b',
      tracks: [
        { mid: '0', track: 'mic' },
        { mid: '1', track: 'cam' },
      ],
    },
  ]);
  expect(FakeRtc.last.transceivers.map(({ sender }) => sender.track)).toEqual([null, camera]);
});

test("whoever answers sends in the offer's own sections", async () => {
  const { peer, sent, offer } = makePeer();
  offer('c1', 'audio video video');
  await settle();
  expect(sent).toMatchObject([
    { type: 'answer', connection: 'c1', tracks: [{ track: 'mic' }, { mid: '1', track: 'cam' }] },
  ]);
  expect(FakeRtc.last.transceivers.map(({ direction }) => direction)).toEqual(['sendrecv', 'sendrecv', 'recvonly']);
  expect([...(peer.connection?.sections.received().keys() ?? [])]).toEqual(['their-cam']);
});

test('a track that starts or stops needs no new offer; one more does', async () => {
  const { peer, state, offers, answer } = makePeer();
  peer.begin();
  await settle();
  answer(peer.connection?.id ?? '');
  await settle();
  state.media = [
    { id: 'mic', kind: 'audio', source: 'microphone', track: null },
    { id: 'cam', kind: 'video', source: 'camera', track: null },
  ];
  peer.syncMedia();
  await settle();
  expect(FakeRtc.last.transceivers[1]?.sender.track).toBeNull();
  expect(offers()).toHaveLength(1);

  state.media = [...state.media, { id: 'canvas', kind: 'video', source: 'other', track: camera }];
  peer.syncMedia();
  await settle();
  expect(offers()).toHaveLength(2);
  expect(offers()[1]).toMatchObject({ tracks: [{}, {}, { mid: '2', track: 'canvas' }] });
});

test('an unknown id begins a new connection by an offer, and by nothing else', async () => {
  const { peer, offer, answer } = makePeer();
  answer('c9');
  expect(peer.connection).toBeUndefined();
  offer('c1');
  offer('c2');
  await settle();
  expect(peer.connection?.id).toBe('c2');
  expect(FakeRtc.all.map(({ signalingState }) => signalingState)).toEqual(['closed', 'stable']);

  offer('c1');
  await settle();
  expect(peer.connection?.id).toBe('c2');
});

test.each([true, false])('when two attempts cross, the polite one gives way (polite: %s)', async (polite) => {
  const { peer, offer } = makePeer({ polite });
  peer.begin();
  await settle();
  const own = peer.connection?.id;
  offer('theirs');
  await settle();
  expect(peer.connection?.id).toBe(polite ? 'theirs' : own);
});

test('an interruption of some seconds makes it look for another path, and begin anew if there is none', async () => {
  const { peer, answer, trace } = makePeer();
  peer.begin();
  await settle();
  const first = peer.connection?.id ?? '';
  answer(first);
  FakeRtc.last.become('connected');
  FakeRtc.last.become('disconnected');
  expect(trace.state).toBe('interrupted');
  await settle(2_900);
  expect(FakeRtc.last.restarts).toBe(0);
  await settle(200);
  expect(FakeRtc.last.restarts).toBe(1);

  await settle(15_000);
  expect(peer.connection?.id).not.toBe(first);
  expect(FakeRtc.all[0]?.signalingState).toBe('closed');
});

test('an interruption that passes by itself changes nothing', async () => {
  const { peer, trace } = makePeer();
  peer.begin();
  FakeRtc.last.become('connected');
  FakeRtc.last.become('disconnected');
  await settle(2_000);
  FakeRtc.last.become('connected');
  await settle(60_000);
  expect([FakeRtc.all.length, FakeRtc.last.restarts, trace.state]).toEqual([1, 0, 'connected']);
});

test('a connection that failed after it was connected is restarted first; one that never was begins anew', async () => {
  const { peer } = makePeer();
  peer.begin();
  FakeRtc.last.become('connected');
  FakeRtc.last.become('failed');
  await settle();
  expect([FakeRtc.all.length, FakeRtc.last.restarts]).toEqual([1, 1]);
  FakeRtc.last.become('failed');
  await settle();
  expect(FakeRtc.all).toHaveLength(2);
  FakeRtc.last.become('failed');
  await settle(30_000);
  expect(FakeRtc.all.length).toBeGreaterThanOrEqual(3);
});

test('attempts come slower and slower, and end; a change of network begins again', async () => {
  const { peer, trace } = makePeer();
  peer.begin();
  for (let tries = 0; tries < 100; tries += 1) {
    FakeRtc.last.become('failed');
    await settle(21_000);
  }
  const attempts = FakeRtc.all.length;
  expect(attempts).toBe(41);
  expect(trace.steps.at(-1)?.code).toBe('gaveUp');
  await settle(600_000);
  expect(FakeRtc.all).toHaveLength(attempts);

  peer.check(true);
  await settle(1_000);
  expect(FakeRtc.all).toHaveLength(attempts + 1);
});

test('nothing is begun while no message could reach the other side', async () => {
  const { peer, state } = makePeer();
  peer.begin();
  FakeRtc.last.become('connected');
  state.online = false;
  FakeRtc.last.become('failed');
  await settle(60_000);
  expect([FakeRtc.all.length, FakeRtc.last.restarts]).toEqual([1, 0]);
  state.online = true;
  await settle(5_000);
  expect(FakeRtc.last.restarts).toBe(1);
});

test('after the end nothing happens any more', async () => {
  const { peer, sent, offer } = makePeer();
  peer.begin();
  await settle();
  peer.close();
  offer('c2');
  await settle(60_000);
  expect(FakeRtc.all).toHaveLength(1);
  expect(sent).toHaveLength(1);
});

test('what is no longer sent leaves its section to the other side, and to what is sent next once that is agreed', async () => {
  const { peer, state, answer, sent } = makePeer();
  const [mic, cam] = state.media as [LocalMedia, LocalMedia];
  const extra = (id: string): LocalMedia => ({ id, kind: 'video', source: 'other', track: camera });
  state.media = [mic, cam, extra('canvas-1')];
  peer.begin();
  await settle();
  answer((sent[0] as { connection: string }).connection);
  await settle();
  const section = FakeRtc.last.transceivers[2];
  if (section) section.currentDirection = 'sendrecv';
  state.media = [mic, cam];
  peer.syncMedia();
  expect(section).toMatchObject({ direction: 'recvonly', sender: { track: null } });
  // The other side still takes the section for the first one: the next needs another.
  state.media = [mic, cam, extra('canvas-2')];
  peer.syncMedia();
  expect(FakeRtc.last.transceivers).toHaveLength(4);
  if (section) section.currentDirection = 'recvonly';
  state.media = [mic, cam, extra('canvas-2'), extra('canvas-3')];
  peer.syncMedia();
  expect(FakeRtc.last.transceivers).toHaveLength(4);
  expect(section).toMatchObject({ direction: 'sendrecv', sender: { track: camera } });
});

test('after giving up, a change of the network begins anew', async () => {
  const { peer, trace, offers } = makePeer();
  peer.begin();
  await settle(3_600_000);
  expect(trace.state).toBe('failed');
  const before = offers().length;
  peer.check(true);
  await settle(1_000);
  expect(offers()).toHaveLength(before + 1);
});
