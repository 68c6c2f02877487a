import { beforeEach, expect, test, vi } from 'vitest';
import type { LocalMedia } from '../../src/participants/localParticipant.js';
import { ServerSections } from '../../src/server/serverSections.js';
import { FakeRtc } from '../peer/fakeRtc.js';

beforeEach(() => {
  FakeRtc.all = [];
});

const track = (width: number, height: number) =>
  ({ kind: 'video', getSettings: () => ({ width, height }) }) as unknown as MediaStreamTrack;
const camera: LocalMedia = { id: 'cam', kind: 'video', source: 'camera', track: track(1280, 720) };
const microphone: LocalMedia = { id: 'mic', kind: 'audio', source: 'microphone', track: null };

function make(media: readonly LocalMedia[] = [microphone, camera]) {
  const rtc = new FakeRtc();
  const sections = new ServerSections(rtc as unknown as RTCPeerConnection, { audio: 1, video: 2 });
  sections.send(media);
  for (const [index, transceiver] of rtc.transceivers.entries()) transceiver.mid = String(index);
  const sent = () => rtc.transceivers[1]?.encodings.map(({ active }) => active);
  return { rtc, sections, sent };
}

test('it sends in sections of their own, and receives in those that follow', () => {
  const { rtc, sections } = make();
  expect(rtc.transceivers.map(({ direction, receiver }) => `${direction} ${receiver.track.kind}`)).toEqual([
    'sendonly audio',
    'sendonly video',
    'recvonly audio',
    'recvonly video',
    'recvonly video',
  ]);
  expect(sections.describe()).toEqual([
    { mid: '0', track: 'mic' },
    { mid: '1', track: 'cam' },
  ]);
  expect(rtc.transceivers[1]?.encodings.map(({ rid }) => rid)).toEqual(['l', 'm', 'h']);
});

test('more sections are added where more are wanted, and none taken back', () => {
  const { rtc, sections } = make();
  sections.want({ audio: 2, video: 4 });
  sections.want({ audio: 1, video: 1 });
  expect(rtc.transceivers.filter(({ direction }) => direction === 'recvonly')).toHaveLength(6);
  sections.want({ audio: 10_000, video: 10_000 });
  expect(rtc.transceivers.length).toBeLessThan(64);
});

test('what a section shows is told by the server, and the newest word counts', () => {
  const { rtc, sections } = make();
  const source = { participant: 'p_b', track: 'cam' };
  sections.take([{ mid: '3', source, reason: 'wanted', layer: { encoding: 1, spatial: 0, temporal: 2 } }]);
  expect(sections.forwarded).toMatchObject([{ ...source, receiver: rtc.transceivers[3]?.receiver }]);
  expect([sections.hasFree('video'), sections.hasFree('audio')]).toEqual([true, true]);
  expect(sections.names()).toEqual(
    new Map([
      ['send 0', 'mic'],
      ['send 1', 'cam'],
      ['receive 3', 'p_b/cam'],
    ]),
  );
  sections.take([
    { mid: '4', source, reason: 'wanted' },
    { mid: '3', source: { participant: 'p_c', track: 'cam' }, reason: 'wanted' },
  ]);
  expect(sections.forwarded.map(({ participant, content }) => [participant, content.mid])).toEqual([
    ['p_b', '4'],
    ['p_c', '3'],
  ]);
  expect(sections.hasFree('video')).toBe(false);
  sections.take([{ mid: '3', reason: 'notSent' }]);
  expect(sections.forwarded).toHaveLength(1);
});

test('a section that nobody has is passed over', () => {
  const { sections } = make();
  sections.take([{ mid: '99', source: { participant: 'p_b', track: 'cam' }, reason: 'wanted' }]);
  expect(sections.forwarded).toEqual([]);
});

test('only those encodings are sent that somebody watches', async () => {
  const { sections, sent } = make();
  await vi.waitFor(() => expect(sent()).toEqual([true, true, true]));
  sections.setWanted('cam', [0, 2]);
  await vi.waitFor(() => expect(sent()).toEqual([true, false, true]));
  sections.setWanted('cam', []);
  await vi.waitFor(() => expect(sent()).toEqual([false, false, false]));
  sections.setWanted('unknown', [0]);
});

test('a smaller camera is sent in fewer encodings, and what nobody watches stays off', async () => {
  const { rtc, sections, sent } = make();
  sections.setWanted('cam', [0, 1]);
  const smaller = track(640, 360);
  sections.send([microphone, { ...camera, track: smaller }]);
  await vi.waitFor(() => expect(rtc.transceivers[1]?.sender.track).toBe(smaller));
  expect(sent()).toEqual([true, true, false]);
  expect(rtc.transceivers[1]?.encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([2, 1, 1]);
});

test('media begins and ends without another section', async () => {
  const { rtc, sections } = make();
  await vi.waitFor(() => expect(rtc.transceivers[1]?.sender.track).toBe(camera.track));
  sections.send([microphone, { ...camera, track: null }]);
  await vi.waitFor(() => expect(rtc.transceivers[1]?.sender.track).toBeNull());
  expect(rtc.transceivers).toHaveLength(5);
});

test('what is published besides has a section for as long as it is', async () => {
  const { rtc, sections } = make();
  const canvas: LocalMedia = { id: 'canvas', kind: 'video', source: 'other', track: track(640, 360) };
  sections.send([microphone, camera, canvas]);
  expect(rtc.transceivers.at(-1)).toMatchObject({ direction: 'sendonly' });
  expect(rtc.transceivers.at(-1)?.encodings).toHaveLength(1);
  sections.send([microphone, camera]);
  expect(rtc.transceivers.at(-1)).toMatchObject({ direction: 'inactive' });
  await vi.waitFor(() => expect(rtc.transceivers.at(-1)?.sender.track).toBeNull());
  expect(sections.describe()).toHaveLength(2);
});
