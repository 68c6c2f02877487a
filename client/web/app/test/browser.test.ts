import { expect, test } from 'vitest';
import { browserFamily, isApple } from '../src/lib/browser.js';
import { unsupportedReasons } from '../src/screens/unsupported/reasons.js';

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36', 'chromium'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0', 'chromium'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0', 'firefox'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 FxiOS/150 Safari/605', 'firefox'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15', 'safari'],
  ['curl/8', 'other'],
])('the family of %j is %s', (userAgent, expected) => {
  expect(browserFamily(userAgent)).toBe(expected);
});

test('machines of Apple are told by their platform', () => {
  expect(isApple('MacIntel')).toBe(true);
  expect(isApple('Linux x86_64')).toBe(false);
});

test('an insecure page is the reason for everything else that is missing', () => {
  const scope = (change: object) => ({ ...change }) as unknown as typeof globalThis;
  const devices = { mediaDevices: { getUserMedia() {} } };
  expect(unsupportedReasons(scope({ isSecureContext: false, navigator: {} }))).toEqual(['insecureContext']);
  expect(unsupportedReasons(scope({ isSecureContext: true, navigator: {} }))).toEqual(['noWebRtc', 'noGetUserMedia']);
  const complete = { isSecureContext: true, navigator: devices, RTCPeerConnection: class {} };
  expect(unsupportedReasons(scope(complete))).toEqual([]);
});
