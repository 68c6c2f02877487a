import { expect, test } from 'vitest';
import { type PathEnd, pathKind } from '../src/lib/tracePath.js';

const end = (type: PathEnd['type'], address = '203.0.113.5'): PathEnd => ({ type, address });

test.each([
  [end('host', '192.168.1.2'), end('host', 'a1b2.local'), 'host'],
  [end('host', '192.168.1.2'), end('srflx'), 'srflx'],
  [end('srflx'), end('prflx'), 'srflx'],
  [end('host'), end('prflx'), 'prflx'],
  [end('relay'), end('host'), 'relay'],
  [end('srflx'), end('relay'), 'relay'],
])('%o with %o is %s', (local, remote, expected) => {
  expect(pathKind(local, remote)).toBe(expected);
});

test.each(['192.168.1.7', '10.0.0.1', '172.31.0.1', '169.254.3.4', 'fd00::2', 'fe80::1', '::1', '127.0.0.1'])(
  'a peer-reflexive %s is on the same network',
  (address) => {
    expect(pathKind(end('host', address), end('prflx', address))).toBe('host');
  },
);

test.each(['172.32.0.1', '100.64.0.1', '11.0.0.1', '2001:db8::1', ''])('a peer-reflexive %j is not', (address) => {
  expect(pathKind(end('host'), end('prflx', address))).toBe('prflx');
});

test('a path has two ends', () => {
  expect(pathKind(undefined, end('host'))).toBeUndefined();
});
