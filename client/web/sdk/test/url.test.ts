import { expect, test } from 'vitest';
import { SignalError } from '../src/errors.js';
import { endpoint } from '../src/signal/link.js';
import { parseServerUrl } from '../src/url.js';

test.each([
  ['https://meet.test', 'https://meet.test/signal/v1/ws'],
  ['wss://meet.test:8443', 'https://meet.test:8443/signal/v1/ws'],
  ['ws://localhost:80/', 'http://localhost/signal/v1/ws'],
  ['https://meet.test/calls/?a=1#b', 'https://meet.test/calls/signal/v1/ws'],
  ['https://[::1]:7000', 'https://[::1]:7000/signal/v1/ws'],
])('%s is a server', (given, address) => {
  expect(endpoint(parseServerUrl(given), '/signal/v1/ws').href).toBe(address);
});

test.each(['', 'meet.test', 'ftp://meet.test', 'javascript:alert(1)'])('"%s" is none', (given) => {
  expect(() => parseServerUrl(given)).toThrow(SignalError);
});
