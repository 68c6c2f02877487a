import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SignalError } from '../../src/errors.js';
import type { ServerMessage } from '../../src/protocol.js';
import { BACKOFF_MS_MAX } from '../../src/signal/backoff.js';
import { UNACKED_MAX } from '../../src/signal/outbox.js';
import { RECONNECT_MS_MAX, SignalSession } from '../../src/signal/signalSession.js';
import { FakeServer } from './fakeServer.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

let servers = 0;

/** A session with a server of its own: which transport worked is remembered by server. */
function begin(options: { base?: URL; token?: string } = {}) {
  servers += 1;
  const server = new FakeServer();
  const session = new SignalSession({
    base: options.base ?? new URL(`https://server-${servers}.test`),
    token: options.token,
    client: 'test',
    transports: ['websocket', 'events'],
    openers: server.openers,
  });
  const log: string[] = [];
  const messages: ServerMessage[] = [];
  session.on('begun', () => log.push('begun'));
  session.on('lost', () => log.push('lost'));
  session.on('resumed', () => log.push('resumed'));
  session.on('ended', ({ code }) => log.push(`ended ${code}`));
  session.on('message', (message) => messages.push(message));
  return { server, session, log, messages };
}

async function connected() {
  const parts = begin();
  const connecting = parts.session.connect();
  parts.server.welcome();
  await connecting;
  return parts;
}

/** Follows a promise without waiting for it. */
function outcome(promise: Promise<unknown>): { value: string } {
  const result = { value: 'pending' };
  promise.then(
    () => {
      result.value = 'done';
    },
    (error: SignalError) => {
      result.value = error.code;
    },
  );
  return result;
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Breaks the link and waits for the next one. */
async function reopen(server: FakeServer): Promise<void> {
  const before = server.links.length;
  server.link.break();
  while (server.links.length === before) await vi.advanceTimersByTimeAsync(50);
}

test('numbers messages, and settles each by acknowledgement or refusal', async () => {
  const { server, session } = await connected();
  const first = outcome(session.request({ type: 'update', name: 'a' }));
  const second = outcome(session.request({ type: 'update', name: 'b' }));
  const third = outcome(session.request({ type: 'update', name: 'c' }));
  expect(server.link.frames.map((frame) => 'seq' in frame && frame.seq)).toEqual([1, 2, 3]);

  server.message(1, 2, { type: 'error', request: 2, code: 'rateLimited', message: 'slower' });
  await settle();

  expect([first.value, second.value, third.value]).toEqual(['done', 'rateLimited', 'pending']);
});

test('acknowledges what it received, soon by itself and at once with the next frame', async () => {
  const { server, session } = await connected();
  server.message(1, 0);
  server.message(2, 0);
  expect(server.link.frames).toEqual([]);

  await vi.advanceTimersByTimeAsync(200);
  expect(server.link.frames).toEqual([{ type: 'ack', ack: 2 }]);

  server.message(3, 0);
  outcome(session.request({ type: 'leave' }));
  await vi.advanceTimersByTimeAsync(200);
  expect(server.link.frames.slice(1)).toEqual([{ type: 'message', seq: 1, ack: 3, body: { type: 'leave' } }]);
});

test('a repeated message is delivered once', async () => {
  const { server, messages } = await connected();
  server.message(1, 0);
  server.message(1, 0);
  server.message(2, 0);
  expect(messages).toEqual([
    { type: 'draining', graceMs: 1 },
    { type: 'draining', graceMs: 2 },
  ]);
});

test('a gap makes it resume from the last message it has', async () => {
  const { server, messages, log } = await connected();
  server.message(1, 0);
  server.message(3, 0);
  expect(messages).toHaveLength(1);
  expect(log).toEqual(['begun', 'lost']);

  await vi.advanceTimersByTimeAsync(BACKOFF_MS_MAX);
  expect(server.link.hello.resume).toEqual({ session: 's1', secret: 'x1', ack: 1 });
});

test('after resuming it sends again exactly what the server lacks, under the same numbers', async () => {
  const { server, session, log } = await connected();
  const first = outcome(session.request({ type: 'update', name: 'a' }));
  const second = outcome(session.request({ type: 'update', name: 'b' }));
  await reopen(server);
  const during = outcome(session.request({ type: 'update', name: 'c' }));

  server.welcome({ resumed: true, ack: 1 });
  await settle();

  const sent = server.link.frames.map((frame) => frame.type === 'message' && [frame.seq, frame.body]);
  expect(sent).toEqual([
    [2, { type: 'update', name: 'b' }],
    [3, { type: 'update', name: 'c' }],
  ]);
  expect([first.value, second.value, during.value]).toEqual(['done', 'pending', 'pending']);
  server.link.send({ type: 'ack', ack: 3 });
  await settle();
  expect([second.value, during.value]).toEqual(['done', 'done']);
  expect(log).toEqual(['begun', 'lost', 'resumed']);
});

test('a session the server does not know begins anew, and what waited is given back', async () => {
  const { server, session, log, messages } = await connected();
  server.message(1, 0);
  const waiting = outcome(session.request({ type: 'update', name: 'a' }));
  await reopen(server);

  server.welcome({ resumed: false, session: 's2', secret: 'x2' });
  await settle();

  expect(waiting.value).toBe('connectionLost');
  expect(log).toEqual(['begun', 'lost', 'begun']);
  outcome(session.request({ type: 'leave' }));
  expect(server.link.frames).toEqual([{ type: 'message', seq: 1, ack: 0, body: { type: 'leave' } }]);
  server.message(1, 1);
  expect(messages).toHaveLength(2);
});

test('turns to events when a WebSocket stays silent, and remembers it for the page', async () => {
  const { server, session } = begin();
  const connecting = session.connect();
  expect(server.link.transport).toBe('websocket');
  await vi.advanceTimersByTimeAsync(3_000);
  expect(server.links.map(({ transport }) => transport)).toEqual(['websocket', 'events']);
  expect(server.links[0]?.closed).toBe(true);
  server.welcome();
  await connecting;
  expect(session.transport).toBe('events');

  const again = begin({ base: new URL(`https://server-${servers}.test`) });
  outcome(again.session.connect());
  expect(again.server.link.transport).toBe('events');
});

test('says so when no transport reaches the server', async () => {
  const { server, session } = begin();
  const connecting = outcome(session.connect());
  server.link.break();
  await settle();
  server.link.break();
  await settle();
  expect(connecting.value).toBe('unreachable');
});

test('a refusal on connecting is passed on as it is, without trying another transport', async () => {
  const { server, session } = begin({ token: 'bad' });
  const connecting = outcome(session.connect());
  expect(server.link.hello.token).toBe('bad');
  server.link.send({ type: 'close', code: 'tokenInvalid', retry: false, message: 'no' });
  await settle();
  expect(connecting.value).toBe('tokenInvalid');
  expect(server.links).toHaveLength(1);
});

test('connecting can be given up', async () => {
  const { server, session } = begin();
  const abort = new AbortController();
  const connecting = outcome(session.connect(abort.signal));
  abort.abort();
  await settle();
  expect(connecting.value).toBe('aborted');
  expect(server.links.every(({ closed }) => closed)).toBe(true);
});

test('a ping without an answer makes it open another link', async () => {
  const { server, log } = await connected();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.link.frames).toEqual([{ type: 'ping', ack: 0 }]);
  server.link.send({ type: 'pong', ack: 0 });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual(['begun']);

  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual(['begun', 'lost']);
});

test('a change of network is answered at once: by a ping, or by another attempt', async () => {
  const { server, session } = await connected();
  session.check();
  expect(server.link.frames).toEqual([{ type: 'ping', ack: 0 }]);
  await vi.advanceTimersByTimeAsync(2_000);
  const opened = server.links.length;
  session.check();
  expect(server.links).toHaveLength(opened + 1);
});

test('waits between attempts stay within their bounds, and end', async () => {
  const { server, log } = await connected();
  server.link.break();
  const waits: number[] = [];
  let last = Date.now();
  let count = server.links.length;
  while (log.at(-1) === 'lost' && waits.length < 10_000) {
    await vi.advanceTimersByTimeAsync(10);
    if (server.links.length === count) continue;
    count = server.links.length;
    waits.push(Date.now() - last);
    server.link.break();
    last = Date.now();
  }
  expect(log.at(-1)).toBe('ended connectionLost');
  expect(Math.max(...waits)).toBeLessThanOrEqual(BACKOFF_MS_MAX + 10);
  expect(waits.length).toBeLessThan(RECONNECT_MS_MAX / (BACKOFF_MS_MAX / 2) + 10);
  expect(server.links.some(({ transport }) => transport === 'events')).toBe(true);
});

test('a close that forbids another try ends the session', async () => {
  const { server, session, log } = await connected();
  server.link.send({ type: 'close', code: 'replaced', retry: false, message: 'elsewhere' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log).toEqual(['begun', 'ended replaced']);
  expect(server.links).toHaveLength(1);
  const after = outcome(session.request({ type: 'leave' }));
  await settle();
  expect(after.value).toBe('notConnected');
});

test('refuses messages beyond its limits, and goes on', async () => {
  const { server, session } = await connected();
  const long = outcome(session.request({ type: 'chat', id: '1', text: 'x'.repeat(70_000) }));
  await settle();
  expect(long.value).toBe('tooLarge');

  for (let count = 0; count < UNACKED_MAX; count += 1) outcome(session.request({ type: 'update' }));
  const beyond = outcome(session.request({ type: 'update' }));
  await settle();
  expect(beyond.value).toBe('tooManyPending');
  server.link.send({ type: 'ack', ack: UNACKED_MAX });
  outcome(session.request({ type: 'leave' }));
  expect(server.link.frames.at(-1)).toMatchObject({ seq: UNACKED_MAX + 1 });
});

test('a page that goes leaves, and begins a new session when it comes back', async () => {
  const { server, session, log } = await connected();
  session.suspend();
  expect(server.link.frames).toEqual([{ type: 'message', seq: 1, ack: 0, body: { type: 'leave' } }]);
  session.revive();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(server.link.hello.resume).toBeUndefined();
  server.welcome({ session: 's2' });
  expect(log.filter((event) => event === 'begun')).toHaveLength(2);
});

test('a clock that is set forward does not end the attempts to reconnect', async () => {
  const { server, log } = await connected();
  server.link.break();
  await vi.advanceTimersByTimeAsync(1_000);
  vi.setSystemTime(Date.now() + 2 * RECONNECT_MS_MAX);
  server.link.break();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual(['begun', 'lost']);
});
