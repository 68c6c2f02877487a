import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Chat, UNCONFIRMED_MAX } from '../src/chat.js';
import type { ChatMessage } from '../src/chatTypes.js';
import type { Participant } from '../src/participants/participant.js';
import type { RemoteParticipant } from '../src/participants/remoteParticipant.js';
import type { ControlMessage } from '../src/peer/channelProtocol.js';
import type { ClientMessage } from '../src/protocol.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const permissions = { publish: true, subscribe: true, data: true, admin: false };
const remote = (id: string, data = true) =>
  ({ id, name: id, permissions: { ...permissions, data } }) as RemoteParticipant;

function room(remotes: RemoteParticipant[], connected: string[]) {
  const sent: [string, ControlMessage][] = [];
  const requests: ClientMessage[] = [];
  const delivered: ChatMessage[] = [];
  const chat = new Chat({
    local: { id: 'me', permissions } as unknown as Participant,
    remotes: new Map(remotes.map((participant) => [participant.id, participant])),
    limits: { chatLenMax: 100, frameLenMax: 0, nameLenMax: 0, metadataLenMax: 0, tracksMax: 0 },
    sendControl: (to, message) => connected.includes(to) && sent.push([to, message]) > 0,
    request: async (message) => void requests.push(message),
    deliver: (message) => delivered.push(message),
    report: () => undefined,
  });
  return { chat, sent, requests, delivered };
}

test('a line goes by data channel alone when everybody is connected and confirms it', async () => {
  const { chat, sent, requests, delivered } = room([remote('a'), remote('b')], ['a', 'b']);
  const { id, via } = await chat.send('hi', undefined);
  expect([via, sent.map(([to]) => to), delivered]).toMatchObject(['peer', ['a', 'b'], [{ text: 'hi' }]]);
  for (const name of ['a', 'b']) chat.handleControl(remote(name), { type: 'chatReceived', id });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toEqual([]);
});

test('it goes through the server as well when somebody is not connected, under the same id', async () => {
  const { chat, sent, requests } = room([remote('a'), remote('b')], ['a']);
  const { id, via } = await chat.send('hi', undefined);
  expect(via).toBe('server');
  expect(sent).toHaveLength(1);
  expect(requests).toEqual([{ type: 'chat', id, text: 'hi' }]);
});

test('a line that is not confirmed takes the way through the server too', async () => {
  const { chat, requests } = room([remote('a'), remote('b')], ['a', 'b']);
  const { id } = await chat.send('hi', 'b');
  chat.handleControl(remote('a'), { type: 'chatReceived', id });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(requests).toEqual([{ type: 'chat', id, to: 'b', text: 'hi' }]);
});

test('nobody waits for the confirmation of somebody who left', async () => {
  const { chat, requests } = room([remote('a')], ['a']);
  await chat.send('hi', undefined);
  chat.forget('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toEqual([]);
});

test('a line that comes by two ways counts once, and is confirmed each time', () => {
  const { chat, sent, delivered } = room([remote('a')], ['a']);
  const line = { type: 'chat', id: '1', text: 'hi', private: false } as const;
  chat.handleControl(remote('a'), line);
  chat.handleRelayed(remote('a'), '1', 'hi', undefined);
  chat.handleControl(remote('a'), line);
  expect(delivered).toHaveLength(1);
  expect(sent).toHaveLength(2);
  chat.handleRelayed(remote('b'), '1', 'another sender', 'me');
  expect(delivered[1]).toMatchObject({ via: 'server', to: 'me', text: 'another sender' });
});

test('lines without permission or beyond the limit are passed over', () => {
  const { chat, delivered } = room([remote('a')], ['a']);
  chat.handleControl(remote('a', false), { type: 'chat', id: '1', text: 'hi', private: false });
  chat.handleControl(remote('a'), { type: 'chat', id: '2', text: 'x'.repeat(101), private: false });
  expect(delivered).toEqual([]);
});

test('when too many lines wait for confirmation, further ones go through the server', async () => {
  const { chat, sent, requests } = room([remote('a')], ['a']);
  for (let count = 0; count < UNCONFIRMED_MAX; count += 1) await chat.send('hi', undefined);
  expect(requests).toEqual([]);
  await expect(chat.send('one more', undefined)).resolves.toMatchObject({ via: 'server' });
  expect([sent.length, requests.length]).toEqual([UNCONFIRMED_MAX, 1]);
});
