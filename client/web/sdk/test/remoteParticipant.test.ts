import { expect, test } from 'vitest';
import type { ParticipantEvents } from '../src/participants/participant.js';
import { RemoteParticipant } from '../src/participants/remoteParticipant.js';
import type { ParticipantDescription, TrackDescription } from '../src/protocol.js';
import type { RoomContext } from '../src/roomContext.js';

const CAMERA: TrackDescription = { id: 'cam', kind: 'video', source: 'camera', muted: false };
const media = (kind = 'video') => ({ kind }) as MediaStreamTrack;

function describe(change: Partial<ParticipantDescription> = {}): ParticipantDescription {
  const permissions = { publish: true, subscribe: true, data: true, admin: false };
  return { id: 'p_b', name: 'Ben', permissions, tracks: [], link: 'connected', ...change };
}

function make() {
  const log: string[] = [];
  const context = {
    emit: (event: string) => log.push(event),
    emitFor: (_participant: unknown, event: keyof ParticipantEvents) => log.push(event),
  } as unknown as RoomContext;
  return { participant: new RemoteParticipant(describe(), context), log };
}

test('a track is subscribed once its announcement and its media are here, in either order', () => {
  for (const mediaFirst of [true, false]) {
    const { participant, log } = make();
    const steps = [
      () => participant.setMedia(new Map([['cam', media()]])),
      () => participant.update(describe({ tracks: [CAMERA] })),
    ];
    for (const step of mediaFirst ? steps : steps.reverse()) step();
    expect(log).toEqual(['trackPublished', 'trackSubscribed']);
    expect(participant.isCameraEnabled).toBe(true);
  }
});

test('mute, unmute and unpublish are told once each', () => {
  const { participant, log } = make();
  participant.setMedia(new Map([['cam', media()]]));
  for (const muted of [false, true, true, false]) participant.update(describe({ tracks: [{ ...CAMERA, muted }] }));
  participant.update(describe());
  participant.update(describe());
  expect(log.slice(2)).toEqual(['trackMuted', 'trackUnmuted', 'trackUnsubscribed', 'trackUnpublished']);
  expect(participant.trackPublications.size).toBe(0);
});

test('the track outlives its connection: the next one takes its place', () => {
  const { participant, log } = make();
  participant.update(describe({ tracks: [CAMERA] }));
  const [first, second] = [media(), media()];
  participant.setMedia(new Map([['cam', first]]));
  const track = participant.getTrackPublication('camera')?.track;
  participant.setMedia(new Map());
  participant.setMedia(new Map([['cam', second]]));
  expect(participant.getTrackPublication('camera')?.track).toBe(track);
  expect(track?.mediaStreamTrack).toBe(second);
  expect(log).toEqual(['trackPublished', 'trackSubscribed']);
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
  participant.setMedia(new Map([['cam', media('audio')]]));
  expect(log).toEqual(['trackPublished']);
  participant.setMedia(new Map([['cam', media()]]));
  participant.update(describe({ tracks: [CAMERA], permissions: { ...describe().permissions, publish: false } }));
  expect(log.slice(1)).toEqual(['trackSubscribed', 'participantUpdated', 'trackUnsubscribed']);
});

test('whoever is interrupted keeps their tracks', () => {
  const { participant, log } = make();
  participant.setMedia(new Map([['cam', media()]]));
  participant.update(describe({ tracks: [CAMERA] }));
  participant.update(describe({ tracks: [CAMERA], link: 'interrupted' }));
  expect(log).toEqual(['trackPublished', 'trackSubscribed', 'participantUpdated']);
  expect(participant.link).toBe('interrupted');
});
