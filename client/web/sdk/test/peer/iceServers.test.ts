import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IceServers } from '../../src/peer/iceServers.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const relay = { urls: ['stun:{host}:3478', 'turn:relay.test'], username: 'u', credential: 'c' };

test('{host} becomes the host by which the server was reached', () => {
  const servers = new IceServers(() => {});
  servers.take([relay]);
  const urls = (base: string) => servers.forBrowser(new URL(base))[0]?.urls;

  expect(urls('https://meet.test:8443/x')).toEqual(['stun:meet.test:3478', 'turn:relay.test']);
  expect(urls('https://[2001:db8::1]:8443')).toEqual(['stun:[2001:db8::1]:3478', 'turn:relay.test']);
});

test('the browser gets the credentials, and nothing that it does not know', () => {
  const servers = new IceServers(() => {});
  servers.take([{ ...relay, lifetimeMs: 60_000 }]);

  const [server] = servers.forBrowser(new URL('https://a.test'));

  expect(Object.keys(server ?? {}).sort()).toEqual(['credential', 'urls', 'username']);
});

test('fresh credentials are asked for halfway through the shortest lifetime', async () => {
  const refresh = vi.fn();
  const servers = new IceServers(refresh);
  servers.take([
    { ...relay, lifetimeMs: 600_000 },
    { ...relay, lifetimeMs: 100_000 },
  ]);

  await vi.advanceTimersByTimeAsync(49_999);
  expect(refresh).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(refresh).toHaveBeenCalledTimes(1);
});

test('credentials without an end, and a room that was left, ask for nothing', async () => {
  const refresh = vi.fn();
  const servers = new IceServers(refresh);
  servers.take([relay]);
  await vi.runAllTimersAsync();
  servers.take([{ ...relay, lifetimeMs: 100_000 }]);
  servers.stop();
  await vi.runAllTimersAsync();

  expect(refresh).not.toHaveBeenCalled();
});

test('a lifetime of nothing does not make a storm of requests', async () => {
  const refresh = vi.fn();
  new IceServers(refresh).take([{ ...relay, lifetimeMs: 0 }]);

  await vi.advanceTimersByTimeAsync(9_999);

  expect(refresh).not.toHaveBeenCalled();
});
