import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClientMessage, RoomDescription, TrackDescription } from '../src/protocol.js';
import { Room } from '../src/room.js';
import { describe, FakeSocket } from './fakeSocket.js';
import { FakeRtc } from './peer/fakeRtc.js';

const CAMERA: TrackDescription = { id: 'cam', kind: 'video', source: 'camera', muted: false };
const FORWARDING = { audioSections: 1, videoSections: 2 };
const MESH: Partial<RoomDescription> = { forwarding: FORWARDING };
const SFU: Partial<RoomDescription> = { forwarding: FORWARDING, topology: 'sfu', topologyReason: 'many' };
/** Sections before those that receive: one for each place of the local participant. */
const SENDING = 4;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  FakeRtc.all = [];
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('RTCPeerConnection', FakeRtc);
  vi.stubGlobal(
    'MediaStream',
    class {
      getTracks = () => [];
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

type Offer = Extract<ClientMessage, { type: 'offer' }>;

async function join(description: Partial<RoomDescription>, others: string[] = []) {
  const room = new Room({ transports: ['websocket'] });
  const changes: string[] = [];
  room.on('topologyChanged', (topology, reason) => void changes.push(`${topology} ${reason}`));
  const connecting = room.connect('https://meet.test', { room: 'tea', name: 'Anna' });
  await settle();
  const socket = FakeSocket.last;
  socket.welcome('s1');
  socket.joined('p_1', 'Anna', others, description);
  await connecting;
  await settle();
  return { room, socket, changes };
}

const offers = (to: string) =>
  FakeSocket.last.messages.filter((message): message is Offer => message.type === 'offer' && message.to === to);
const of = <T extends ClientMessage['type']>(type: T) => FakeSocket.last.messages.filter((each) => each.type === type);
/** The connection whose first section only sends is the one to the server. */
const serverRtc = () =>
  FakeRtc.all.findLast(({ transceivers }) => transceivers[0]?.direction === 'sendonly') as FakeRtc;

/** The server answers the newest offer to it, and the path is found. */
async function connectServer(): Promise<string> {
  const { connection } = offers('server').at(-1) as Offer;
  FakeSocket.last.message({ type: 'answer', from: 'server', connection, sdp: 'a', tracks: [] });
  await settle();
  serverRtc().become('connected');
  await settle();
  return connection;
}

/** The receiving section of the connection to the server, and that it now shows something of somebody. */
function show(connection: string, index: number, participant: string) {
  const mid = String(SENDING + index);
  const source = { participant, track: 'cam' };
  const layer = { encoding: 0, spatial: 0, temporal: 0 };
  FakeSocket.last.message({ type: 'sections', connection, sections: [{ mid, source, reason: 'wanted', layer }] });
  const transceiver = serverRtc().transceivers[SENDING + index];
  if (transceiver === undefined) throw new Error('there is no such section');
  return transceiver.receiver;
}

async function publishCamera(room: Room): Promise<MediaStreamTrack> {
  const camera = Object.assign(new EventTarget(), { kind: 'video', stop: () => undefined, getSettings: () => ({}) });
  const published = room.localParticipant.publishTrack(camera as unknown as MediaStreamTrack, { source: 'camera' });
  await settle();
  FakeSocket.last.message({ type: 'participantUpdated', participant: describe('p_1', 'Anna') });
  await published;
  await settle();
  return camera as unknown as MediaStreamTrack;
}

test('where the server forwards nothing there is no connection to it', async () => {
  const { room } = await join({}, ['p_0']);
  expect([room.topology, room.serverConnection, offers('server').length]).toEqual(['mesh', undefined, 0]);
});

test('in a mesh there is a connection to the server as well, by which nothing is sent', async () => {
  const { room } = await join(MESH, ['p_0']);
  expect([offers('p_0').length, offers('server').length]).toEqual([1, 1]);
  expect(offers('server')[0]?.tracks).toHaveLength(SENDING);
  await connectServer();
  expect(room.serverConnection?.state).toBe('connected');
  await publishCamera(room);
  const senders = serverRtc().transceivers.map(({ sender }) => sender.track);
  expect(senders.every((track) => track === null)).toBe(true);
});

test('whoever joins where the server forwards connects to nobody else', async () => {
  const { room, socket } = await join(SFU, ['p_0']);
  socket.message({ type: 'participantJoined', participant: describe('p_2', 'Cleo') });
  await settle();
  expect([room.topology, room.topologyReason]).toEqual(['sfu', 'many']);
  expect([offers('p_0').length, offers('server').length]).toEqual([0, 1]);
  const camera = await publishCamera(room);
  expect(serverRtc().transceivers.map(({ sender }) => sender.track)).toContain(camera);
});

test('from mesh to the server: the old way goes on until all has come by the new one and everybody has switched', async () => {
  const { room, socket, changes } = await join(MESH, ['p_0']);
  const camera = await publishCamera(room);
  const connection = await connectServer();
  const mesh = FakeRtc.all[0] as FakeRtc;
  socket.message({ type: 'participantUpdated', participant: describe('p_0', 'Ben', [CAMERA]) });
  socket.message({ type: 'topology', topology: 'sfu', reason: 'many' });
  await settle();
  expect(changes).toEqual(['sfu many']);
  const sending = (rtc: FakeRtc) => rtc.transceivers.some(({ sender }) => sender.track === camera);
  expect([sending(mesh), sending(serverRtc())]).toEqual([true, true]);

  const receiver = show(connection, 1, 'p_0');
  await settle(1_000);
  expect(of('switched')).toEqual([]);
  receiver.come = 5;
  await settle(1_000);
  expect(of('switched')).toEqual([{ type: 'switched', topology: 'sfu' }]);
  expect(mesh.signalingState).not.toBe('closed');

  socket.message({ type: 'topologySettled', topology: 'sfu' });
  expect(mesh.signalingState).toBe('closed');
  expect(room.remoteParticipants.get('p_0')?.getTrackPublication('camera')?.isSubscribed).toBe(true);
});

test('and back: whoever joined later begins, and the server gets nothing once all have switched', async () => {
  const { room, socket } = await join(SFU, ['p_0']);
  socket.message({ type: 'participantJoined', participant: describe('p_2', 'Cleo') });
  const camera = await publishCamera(room);
  await connectServer();
  socket.message({ type: 'topology', topology: 'mesh', reason: 'few' });
  await settle();
  expect([offers('p_0').length, offers('p_2').length]).toEqual([1, 0]);
  const isSent = () => serverRtc().transceivers.some(({ sender }) => sender.track === camera);
  expect(isSent()).toBe(true);
  socket.message({ type: 'topologySettled', topology: 'mesh' });
  await settle();
  expect(isSent()).toBe(false);
  expect(serverRtc().signalingState).not.toBe('closed');
});

test('a decision that is overtaken before it settled ends nothing', async () => {
  const { socket, changes } = await join(MESH, ['p_0']);
  await connectServer();
  const mesh = FakeRtc.all[0] as FakeRtc;
  socket.message({ type: 'topology', topology: 'sfu', reason: 'pathPoor' });
  socket.message({ type: 'topology', topology: 'mesh', reason: 'few' });
  socket.message({ type: 'topologySettled', topology: 'sfu' });
  await settle();
  expect(changes).toEqual(['sfu pathPoor', 'mesh few']);
  expect([mesh.signalingState === 'closed', offers('p_0').length]).toEqual([false, 1]);
});

test('what a section shows is given to whom it is of, and taken when it shows somebody else', async () => {
  const { room, socket } = await join(SFU, ['p_0', 'p_2']);
  for (const id of ['p_0', 'p_2'])
    socket.message({ type: 'participantUpdated', participant: describe(id, id, [CAMERA]) });
  const connection = await connectServer();
  const camera = (id: string) => room.remoteParticipants.get(id)?.getTrackPublication('camera');
  const receiver = show(connection, 1, 'p_0');
  expect(camera('p_0')?.track?.mediaStreamTrack).toBe(receiver.track);
  show(connection, 1, 'p_2');
  expect([camera('p_0')?.track, camera('p_2')?.track?.mediaStreamTrack]).toEqual([undefined, receiver.track]);
  // What is about an attempt before counts for nothing.
  socket.message({ type: 'sections', connection: 'other', sections: [{ mid: '5', reason: 'notSent' }] });
  expect(camera('p_2')?.isSubscribed).toBe(true);
});

test('the server is reached directly, or by a stream; its own relay over UDP would be a detour', async () => {
  const urls = [
    'stun:{host}:3478',
    'turn:{host}:3478?transport=udp',
    'turn:{host}:3478?transport=tcp',
    'turns:{host}:443',
  ];
  const { socket } = await join(SFU);
  socket.message({
    type: 'iceServers',
    participant: 'p_1',
    iceServers: [{ urls, username: 'u' }, { urls: ['stun:a.test'] }],
  });
  await settle();
  const { iceServers, iceTransportPolicy } = serverRtc().configuration;
  expect(iceServers).toEqual([{ urls: ['turn:meet.test:3478?transport=tcp', 'turns:meet.test:443'], username: 'u' }]);
  expect(iceTransportPolicy).toBe('all');
});

test('more sections are offered when the server wants them, and the next attempt has as many', async () => {
  const { socket } = await join(SFU);
  const connection = await connectServer();
  socket.message({ type: 'sectionsWanted', connection, audio: 1, video: 5 });
  await settle();
  expect(offers('server').map((offer) => offer.connection)).toEqual([connection, connection]);
  expect(serverRtc().transceivers).toHaveLength(SENDING + 1 + 5);
  socket.message({ type: 'connectionEnded', connection, reason: 'failed', message: 'nothing was heard' });
  await settle(10_000);
  expect(offers('server').at(-1)?.connection).not.toBe(connection);
  expect(serverRtc().transceivers).toHaveLength(SENDING + 1 + 5);
});

test('a connection that the server ends is begun again, slower and slower', async () => {
  const { socket } = await join(SFU);
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const { connection } = offers('server').at(-1) as Offer;
    socket.message({ type: 'connectionEnded', connection, reason: 'serverFull', message: 'full' });
    await settle(500 * 2 ** attempt - 50);
    expect(offers('server')).toHaveLength(attempt);
    await settle(100);
    expect(offers('server')).toHaveLength(attempt + 1);
  }
});

test('encodings that nobody watches are not sent', async () => {
  const { room, socket } = await join(SFU);
  await publishCamera(room);
  const connection = await connectServer();
  const { track } = offers('server')[0]?.tracks[1] ?? { track: '' };
  socket.message({ type: 'encodingsWanted', connection, track, encodings: [1] });
  await settle();
  expect(serverRtc().transceivers[1]?.encodings.map(({ active }) => active)).toEqual([false, true, false]);
});

test('who speaks is what the server says where it forwards, who has the floor first', async () => {
  const { room, socket } = await join(SFU, ['p_0', 'p_2']);
  socket.message({ type: 'speakers', dominant: 'p_2', speaking: ['p_0', 'p_2', 'p_9', 'p_1'] });
  await settle(1_000);
  expect(room.activeSpeakers.map(({ id }) => id)).toEqual(['p_2', 'p_0', 'p_1']);
  expect(room.remoteParticipants.get('p_0')?.isSpeaking).toBe(true);
  socket.message({ type: 'speakers', speaking: [] });
  await settle(1_000);
  expect(room.activeSpeakers).toEqual([]);
});

test('how a track is wanted is told', async () => {
  const { room, socket } = await join(SFU, ['p_0']);
  socket.message({ type: 'participantUpdated', participant: describe('p_0', 'Ben', [CAMERA]) });
  const publication = room.remoteParticipants.get('p_0')?.trackPublications.get('cam');
  publication?.setVideoQuality('low');
  await settle(300);
  publication?.setEnabled(false);
  await settle(300);
  publication?.setSubscribed(false);
  await settle(300);
  const name = { participant: 'p_0', track: 'cam' };
  expect(of('watch')).toEqual([
    { type: 'watch', watches: [{ ...name, wanted: true, paused: false, width: 320, height: 180 }] },
    { type: 'watch', watches: [{ ...name, wanted: true, paused: true }] },
    { type: 'watch', watches: [{ ...name, wanted: false, paused: true }] },
  ]);
});

test('a direct path that is not found is reported, and so is that it is found after all', async () => {
  await join(MESH, ['p_0']);
  const mesh = FakeRtc.all[0] as FakeRtc;
  mesh.become('failed');
  await settle(1_000);
  expect(of('reportPath')).toEqual([{ type: 'reportPath', to: 'p_0', state: 'absent' }]);
  FakeRtc.last.become('connected');
  expect(of('reportPath').at(-1)).toEqual({ type: 'reportPath', to: 'p_0', state: 'good' });
});

test('after the server has started anew there is a new connection to it, and the topology is the new one', async () => {
  const { room, socket, changes } = await join(SFU, ['p_0']);
  await connectServer();
  const before = serverRtc();
  socket.onclose?.({ code: 1006, reason: '' });
  await settle(1_000);
  FakeSocket.last.welcome('s2');
  FakeSocket.last.joined('p_7', 'Anna', [], MESH);
  await settle();
  expect([before.signalingState, offers('server').length, room.topology]).toEqual(['closed', 1, 'mesh']);
  expect(changes).toEqual(['mesh few']);
  void room.disconnect();
  expect(room.serverConnection).toBeUndefined();
  expect(FakeRtc.all.every(({ signalingState }) => signalingState === 'closed')).toBe(true);
});
