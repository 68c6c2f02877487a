import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ParticipantEvents } from '../src/participants/participant.js';
import { RemoteParticipant } from '../src/participants/remoteParticipant.js';
import type { ParticipantDescription, TrackDescription } from '../src/protocol.js';
import type { RoomContext } from '../src/roomContext.js';
import { PeerTrace } from '../src/trace/peerTrace.js';
import type { Reception } from '../src/tracks/publication.js';
import { FakeReceiver } from './peer/fakeRtc.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CAMERA: TrackDescription = { id: 'cam', kind: 'video', source: 'camera', muted: false };
const MICROPHONE: TrackDescription = { id: 'mic', kind: 'audio', source: 'microphone', muted: false };

/** Media by track id. */
function media(...entries: [id: string, receiver: FakeReceiver][]): Map<string, RTCRtpReceiver> {
  return new Map(entries.map(([id, receiver]) => [id, receiver.asReal]));
}

function describe(change: Partial<ParticipantDescription> = {}): ParticipantDescription {
  const permissions = { publish: true, subscribe: true, data: true, admin: false };
  return { id: 'p_b', name: 'Ben', permissions, tracks: [], link: 'connected', ...change };
}

function make() {
  const log: string[] = [];
  const serverConnection = new PeerTrace();
  const context = {
    serverConnection,
    emit: (event: string) => log.push(event),
    emitFor: (_participant: unknown, event: keyof ParticipantEvents) => log.push(event),
    mediaChanged: () => undefined,
    wish: () => undefined,
    forgetWish: () => undefined,
  } as unknown as RoomContext;
  const participant = new RemoteParticipant(describe(), context);
  const shown = () => participant.getTrackPublication('camera')?.track?.mediaStreamTrack;
  return { participant, log, shown, serverConnection };
}

/** Something of it is decoded, and noticed. */
async function comes(receiver: FakeReceiver): Promise<void> {
  await vi.advanceTimersByTimeAsync(200);
  receiver.come += 5;
  await vi.advanceTimersByTimeAsync(200);
}

test('a track is subscribed once its announcement and its media are here, in either order', () => {
  for (const mediaFirst of [true, false]) {
    const { participant, log } = make();
    const steps = [
      () => participant.setMedia('mesh', media(['cam', new FakeReceiver('video')])),
      () => participant.update(describe({ tracks: [CAMERA] })),
    ];
    for (const step of mediaFirst ? steps : steps.reverse()) step();
    expect(log).toEqual(['trackPublished', 'trackSubscribed']);
    expect(participant.isCameraEnabled).toBe(true);
  }
});

test('mute, unmute and unpublish are told once each', () => {
  const { participant, log } = make();
  participant.setMedia('mesh', media(['cam', new FakeReceiver('video')]));
  for (const muted of [false, true, true, false]) participant.update(describe({ tracks: [{ ...CAMERA, muted }] }));
  participant.update(describe());
  participant.update(describe());
  expect(log.slice(2)).toEqual(['trackMuted', 'trackUnmuted', 'trackUnsubscribed', 'trackUnpublished']);
  expect(participant.trackPublications.size).toBe(0);
});

test('the track outlives its connection: the next one takes its place as soon as a picture of it is decoded', async () => {
  const { participant, log, shown } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  const [first, second] = [new FakeReceiver('video'), new FakeReceiver('video')];
  participant.setMedia('mesh', media(['cam', first]));
  const track = participant.getTrackPublication('camera')?.track;
  first.track.readyState = 'ended';
  participant.setMedia('mesh', media());
  participant.setMedia('mesh', media(['cam', second]));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(shown()).toBe(first.track);

  await vi.advanceTimersByTimeAsync(2_000);
  second.come = 5;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(participant.getTrackPublication('camera')?.track).toBe(track);
  expect(shown()).toBe(second.track);
  expect(log).toEqual(['trackPublished', 'trackSubscribed']);
});

test('while the way changes, what is shown goes on until the new way has brought the same', async () => {
  const { participant, log, shown, serverConnection } = make();
  participant.update(describe({ tracks: [CAMERA, MICROPHONE] }));
  const old = { cam: new FakeReceiver('video'), mic: new FakeReceiver('audio') };
  const next = { cam: new FakeReceiver('video'), mic: new FakeReceiver('audio') };
  participant.setMedia('mesh', media(['cam', old.cam], ['mic', old.mic]));
  participant.connection.setState('connected');
  participant.prefer('sfu');
  expect([participant.connectionState, participant.comesBy('sfu', () => true)]).toEqual(['connected', false]);
  serverConnection.setState('connected');
  participant.setMedia('sfu', media(['cam', next.cam], ['mic', next.mic]));
  await comes(next.mic);
  expect(shown()).toBe(old.cam.track);
  expect(participant.getTrackPublication('microphone')?.track?.mediaStreamTrack).toBe(next.mic.track);
  expect(participant.comesBy('sfu', () => true)).toBe(false);

  await comes(next.cam);
  expect(shown()).toBe(next.cam.track);
  expect(participant.comesBy('sfu', () => true)).toBe(true);
  old.cam.track.readyState = 'ended';
  participant.drop('mesh');
  expect(shown()).toBe(next.cam.track);
  expect(log.filter((event) => event.startsWith('trackUn'))).toEqual([]);
});

test('while the way changes, what the server holds back goes on by the old way', async () => {
  const { participant, shown } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  const [direct, section] = [new FakeReceiver('video'), new FakeReceiver('video')];
  const layer = { encoding: 0, spatial: 0, temporal: 0 };
  const forwards = (reception: Omit<Reception, 'mid'>) => {
    participant.setReceptions(new Map([['cam', { mid: '7', ...reception }]]));
    participant.setMedia('sfu', media(['cam', section]));
  };
  participant.setMedia('mesh', media(['cam', direct]));
  participant.prefer('sfu');
  forwards({ reason: 'wanted', layer });
  await comes(section);
  expect([shown() === section.track, participant.comesBy('sfu', () => true)]).toEqual([true, true]);

  forwards({ reason: 'bandwidth' });
  await comes(direct);
  expect([shown() === direct.track, participant.comesBy('sfu', () => true)]).toEqual([true, false]);

  forwards({ reason: 'wanted', layer });
  await comes(section);
  expect(shown()).toBe(section.track);
  participant.drop('mesh');
  forwards({ reason: 'bandwidth' });
  expect(shown()).toBe(section.track);
});

test('what a section showed before does not prove that it shows somebody else', async () => {
  const { participant, shown } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  const old = new FakeReceiver('video');
  const section = new FakeReceiver('video');
  section.come = 1_000;
  participant.setMedia('mesh', media(['cam', old]));
  participant.prefer('sfu');
  participant.setMedia('sfu', media(['cam', section]));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(shown()).toBe(old.track);
  await comes(section);
  expect(shown()).toBe(section.track);
});

test('nothing waits for what is muted, not wanted, paused, or has no section to come by', () => {
  const { participant } = make();
  const comesBy = (mayCome = true) => participant.comesBy('sfu', () => mayCome);
  participant.prefer('sfu');
  participant.update(describe({ tracks: [CAMERA] }));
  expect([comesBy(), comesBy(false)]).toEqual([false, true]);
  const publication = participant.trackPublications.get('cam');
  publication?.setEnabled(false);
  expect(comesBy()).toBe(true);
  publication?.setEnabled(true);
  publication?.setSubscribed(false);
  expect(comesBy()).toBe(true);
  publication?.setSubscribed(true);
  participant.update(describe({ tracks: [{ ...CAMERA, muted: true }] }));
  expect(comesBy()).toBe(true);
});

test('a section that is taken for somebody else takes the track away at once; one of a connection that broke leaves its picture', () => {
  const { participant, log, shown } = make();
  participant.prefer('sfu');
  participant.update(describe({ tracks: [CAMERA] }));
  const section = new FakeReceiver('video');
  participant.setMedia('sfu', media(['cam', section]));
  section.track.readyState = 'ended';
  participant.setMedia('sfu', media());
  expect(shown()).toBe(section.track);
  section.track.readyState = 'live';
  participant.setMedia('sfu', media());
  expect(shown()).toBeUndefined();
  expect(log.slice(-1)).toEqual(['trackUnsubscribed']);
});

test('what is not wanted is not here, and comes back when it is', () => {
  const { participant, log } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  participant.setMedia('mesh', media(['cam', new FakeReceiver('video')]));
  const publication = participant.trackPublications.get('cam');
  publication?.setSubscribed(false);
  expect(publication?.isSubscribed).toBe(false);
  publication?.setSubscribed(true);
  expect(log.slice(1)).toEqual(['trackSubscribed', 'trackUnsubscribed', 'trackSubscribed']);
});

test('the connection of whoever comes by the server is as good as the one to the server, and poor where that is too thin', () => {
  const { participant, serverConnection } = make();
  participant.prefer('sfu');
  participant.update(describe({ tracks: [CAMERA] }));
  expect([participant.connectionState, participant.connectionQuality]).toEqual(['new', 'unknown']);
  serverConnection.setState('connected');
  serverConnection.measured({ pairs: [], media: [], counters: new Map(), rttMs: 20, lossPercent: 0 });
  expect([participant.connectionState, participant.connectionQuality]).toEqual(['connected', 'excellent']);
  participant.setReceptions(new Map([['cam', { mid: '7', reason: 'bandwidth' }]]));
  expect(participant.connectionQuality).toBe('poor');
  expect(participant.trackPublications.get('cam')?.reception).toEqual({ mid: '7', reason: 'bandwidth' });
});

test('an id that comes back as something else is another track', () => {
  const { participant, log } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  participant.update(describe({ tracks: [{ ...CAMERA, source: 'screenShare' }] }));
  expect(log).toEqual(['trackPublished', 'trackUnpublished', 'trackPublished']);
});

test('media of another kind than announced, or of somebody who may not publish, is passed over', () => {
  const { participant, log } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  participant.setMedia('mesh', media(['cam', new FakeReceiver('audio')]));
  expect(log).toEqual(['trackPublished']);
  participant.setMedia('mesh', media(['cam', new FakeReceiver('video')]));
  participant.update(describe({ tracks: [CAMERA], permissions: { ...describe().permissions, publish: false } }));
  expect(log.slice(1)).toEqual(['trackSubscribed', 'participantUpdated', 'trackUnsubscribed']);
});

test('whoever is interrupted keeps their tracks', () => {
  const { participant, log } = make();
  participant.setMedia('mesh', media(['cam', new FakeReceiver('video')]));
  participant.update(describe({ tracks: [CAMERA] }));
  participant.update(describe({ tracks: [CAMERA], link: 'interrupted' }));
  expect(log).toEqual(['trackPublished', 'trackSubscribed', 'participantUpdated']);
  expect(participant.link).toBe('interrupted');
});
