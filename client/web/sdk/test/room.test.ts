import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TRANSFERS_MAX } from '../src/files/fileChannel.js';
import { Room } from '../src/room.js';
import type { LocalTrackPublication } from '../src/tracks/publication.js';
import { describe, FakeSocket } from './fakeSocket.js';
import { FakeRtc } from './peer/fakeRtc.js';

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  FakeRtc.all = [];
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('RTCPeerConnection', FakeRtc);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function make() {
  const room = new Room({ transports: ['websocket'] });
  const log: string[] = [];
  for (const event of ['connected', 'reconnecting', 'reconnected'] as const) room.on(event, () => void log.push(event));
  room.on('participantConnected', ({ id }) => void log.push(`+${id}`));
  room.on('participantDisconnected', ({ id }) => void log.push(`-${id}`));
  room.on('disconnected', (reason) => void log.push(`disconnected ${reason}`));
  return { room, log };
}

async function join(room: Room, name = 'Anna', others: string[] = []): Promise<void> {
  const connecting = room.connect('https://meet.test', { room: 'tea', name });
  await settle();
  FakeSocket.last.welcome('s1');
  FakeSocket.last.joined('p_1', name, others);
  await connecting;
}

test('joining: whoever is there already is connected to, whoever comes later connects', async () => {
  const { room, log } = make();
  await join(room, 'Anna', ['p_0']);
  expect([room.state, room.name, room.localParticipant.id]).toEqual(['connected', 'tea', 'p_1']);
  expect(FakeSocket.last.messages[0]).toEqual({ type: 'join', room: 'tea', name: 'Anna' });
  FakeSocket.last.message({ type: 'participantJoined', participant: describe('p_2', 'Ben') });
  await settle();
  expect(log).toEqual(['connected', '+p_0', '+p_2']);
  expect(FakeSocket.last.messages.slice(1)).toMatchObject([{ type: 'offer', to: 'p_0' }]);
});

test('a refusal to join rejects, and the room can try again', async () => {
  const { room, log } = make();
  const connecting = room.connect('https://meet.test', { room: 'tea', name: 'Anna' });
  const refused = expect(connecting).rejects.toMatchObject({ name: 'SignalError', code: 'roomFull' });
  await settle();
  FakeSocket.last.welcome('s1');
  FakeSocket.last.message({ type: 'error', request: 1, code: 'roomFull', message: 'full' });
  await refused;
  await settle(1_000);
  expect([room.state, log]).toEqual(['disconnected', []]);
  await join(room);
  expect(room.state).toBe('connected');
});

test('leaving while joining gives joining up', async () => {
  const { room } = make();
  const connecting = room.connect('https://meet.test', { room: 'tea', name: 'Anna' });
  const aborted = expect(connecting).rejects.toMatchObject({ code: 'aborted' });
  await settle();
  void room.disconnect();
  await aborted;
  expect(room.state).toBe('disconnected');
});

test('after leaving nothing more is heard, and the next name counts', async () => {
  const { room, log } = make();
  await join(room, 'Anna', ['p_0']);
  const left = room.disconnect();
  const socket = FakeSocket.last;
  expect(socket.messages.at(-1)).toEqual({ type: 'leave' });
  socket.message({ type: 'participantJoined', participant: describe('p_2', 'Ben') });
  socket.message({ type: 'left', reason: 'left' });
  await left;
  expect(log).toEqual(['connected', '+p_0', '-p_0', 'disconnected clientInitiated']);
  await join(room, 'Annika');
  expect(FakeSocket.last.messages[0]).toMatchObject({ type: 'join', name: 'Annika' });
});

test('a server that lost the session is joined again under the newest name, and everything is published again', async () => {
  vi.stubGlobal('MediaStream', class {});
  const { room, log } = make();
  await join(room, 'Anna', ['p_0']);
  const canvas = Object.assign(new EventTarget(), { kind: 'video', stop: () => undefined });
  const published = room.localParticipant.publishTrack(canvas as unknown as MediaStreamTrack);
  await settle();
  FakeSocket.last.message({ type: 'participantUpdated', participant: describe('p_1', 'Annika') });
  const publication = await published;

  FakeSocket.last.onclose?.({ code: 1006, reason: '' });
  await settle(1_000);
  expect(log.at(-1)).toBe('reconnecting');
  expect(room.remoteParticipants.size).toBe(1);
  FakeSocket.last.welcome('s2');
  FakeSocket.last.joined('p_7', 'Annika', ['p_8']);
  await settle();

  expect(log.slice(-4)).toEqual(['reconnecting', '-p_0', '+p_8', 'reconnected']);
  expect(FakeSocket.last.messages).toMatchObject([
    { type: 'join', room: 'tea', name: 'Annika' },
    { type: 'publish', track: { id: publication.id, source: 'other' } },
    { type: 'offer', to: 'p_8' },
  ]);
  expect([room.state, room.localParticipant.id]).toEqual(['connected', 'p_7']);
});

test.each(['kicked', 'roomClosed', 'replaced'] as const)('%s ends it for good', async (reason) => {
  const { room, log } = make();
  await join(room);
  FakeSocket.last.message({ type: 'left', reason });
  await settle(60_000);
  expect([room.state, log.at(-1), FakeSocket.all.length]).toEqual(['disconnected', `disconnected ${reason}`, 1]);
  await expect(room.kick('p_0')).rejects.toMatchObject({ code: 'notConnected' });
});

test('whoever leaves on being told that the room is joined makes no connection', async () => {
  const { room } = make();
  room.on('connected', () => void room.disconnect());
  const connecting = room.connect('https://meet.test', { room: 'tea', name: 'Anna' });
  connecting.catch(() => undefined);
  await settle();
  FakeSocket.last.welcome('s1');
  FakeSocket.last.joined('p_1', 'Anna', ['p_2']);
  await settle(2_000);
  expect(room.remoteParticipants.size).toBe(0);
  expect(FakeRtc.all).toEqual([]);
});

test('nobody is told to have left while it is this side that leaves', async () => {
  const { room } = make();
  await join(room, 'Anna', ['p_2']);
  const states: string[] = [];
  room.on('participantDisconnected', () => void states.push(room.state));
  FakeSocket.last.message({ type: 'left', reason: 'kicked' });
  expect(states).toEqual(['disconnected']);
});

test('why the server ended the session is the reason of leaving, and no further error', async () => {
  const { room, log } = make();
  const errors: string[] = [];
  room.on('error', ({ code }) => void errors.push(code));
  await join(room);
  FakeSocket.last.frame({ type: 'close', code: 'slowConsumer', retry: false, message: 'too slow' });
  expect(log.at(-1)).toBe('disconnected slowConsumer');
  expect(errors).toEqual([]);
});

test('a session that the server loses while it is being joined is joined once more', async () => {
  const { room } = make();
  const connecting = room.connect('https://meet.test', { room: 'tea', name: 'Anna' });
  await settle();
  FakeSocket.last.welcome('s1');
  FakeSocket.last.onclose?.({ code: 1006, reason: '' });
  await settle(1_000);
  FakeSocket.last.welcome('s2');
  await settle();
  FakeSocket.last.joined('p_9', 'Anna');
  await connecting;
  expect(room.state).toBe('connected');
});

test('somebody who takes nothing keeps neither data nor files from the others', async () => {
  const { room } = make();
  await join(room, 'Anna', ['p_2', 'p_3']);
  const [slow, other] = FakeRtc.all.map(({ channels }) => channels);
  for (const channel of [...(slow ?? []), ...(other ?? [])]) channel.readyState = 'open';
  const file = new Blob(['tea']);
  for (let count = 0; count < TRANSFERS_MAX; count += 1) room.localParticipant.sendFile(file, { to: ['p_2'] });
  expect([...room.localParticipant.sendFile(file).recipients.keys()]).toEqual(['p_3']);
  expect(() => room.localParticipant.sendFile(file, { to: ['p_2'] })).toThrow(/16 files/);
  for (const channel of slow ?? []) channel.bufferedAmount = 1 << 30;
  const sending = room.localParticipant.publishData(new Uint8Array(1));
  await expect(sending).rejects.toMatchObject({ code: 'channelFull', message: expect.stringContaining('p_2') });
  expect(other?.find(({ label }) => label === 'reliable')?.sent).toHaveLength(1);
});

test('fresh ICE servers reach the connections there are, and those to come', async () => {
  const { room } = make();
  await join(room, 'Anna', ['p_2']);
  const urls = () => FakeRtc.last.configuration.iceServers?.flatMap((server) => server.urls);
  expect(urls()).toEqual([]);

  FakeSocket.last.message({ type: 'iceServers', participant: 'p_1', iceServers: [{ urls: ['turn:{host}:3478'] }] });
  await settle();

  expect(urls()).toEqual(['turn:meet.test:3478']);
});

test('what the server mutes is muted here, unless it has not heard yet that it was unmuted since', async () => {
  vi.stubGlobal('MediaStream', class {});
  const { room } = make();
  await join(room);
  const canvas = Object.assign(new EventTarget(), { kind: 'video', enabled: true, stop: () => undefined });
  const published = room.localParticipant.publishTrack(canvas as unknown as MediaStreamTrack);
  await settle();
  const described = (muted: boolean) =>
    FakeSocket.last.message({
      type: 'participantUpdated',
      participant: describe('p_1', 'Anna', [{ id: publication().id, kind: 'video', source: 'other', muted }]),
    });
  const publication = () => [...room.localParticipant.trackPublications.values()][0] as LocalTrackPublication;
  described(false);
  await published;

  described(true);
  await settle();
  expect([publication().isMuted, canvas.enabled]).toEqual([true, false]);
  // It knows already.
  expect(FakeSocket.last.messages.some(({ type }) => type === 'mute')).toBe(false);

  const unmuting = publication().track.unmute();
  FakeSocket.last.deaf = true;
  await settle();
  described(true);
  await unmuting;
  expect(publication().isMuted).toBe(false);
});

test('whoever may no longer publish publishes nothing more', async () => {
  vi.stubGlobal('MediaStream', class {});
  const { room } = make();
  await join(room);
  const canvas = Object.assign(new EventTarget(), { kind: 'video', enabled: true, stop: () => undefined });
  const published = room.localParticipant.publishTrack(canvas as unknown as MediaStreamTrack);
  await settle();
  FakeSocket.last.message({ type: 'participantUpdated', participant: describe('p_1', 'Anna') });
  await published;
  expect(room.localParticipant.trackPublications.size).toBe(1);
  const { permissions, ...rest } = describe('p_1', 'Anna');
  const participant = { ...rest, permissions: { ...permissions, publish: false } };
  FakeSocket.last.message({ type: 'participantUpdated', participant });
  expect(room.localParticipant.trackPublications.size).toBe(0);
});
