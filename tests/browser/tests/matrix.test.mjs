// Every host of the lab calls every other. Takes far too long for each change: `cargo xtask test lab`.

import { call, callNative } from '../harness/call.mjs';
import { expectedNativePath, expectedPath, HOSTS } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';

const BROWSERS = /** @type {const} */ ([
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
]);

for (const [index, left] of HOSTS.entries()) {
  for (const [offset, right] of HOSTS.slice(index + 1).entries()) {
    const [one, other] = BROWSERS[offset % 2] ?? BROWSERS[0];
    const path = expectedPath(left, right);
    const nativePath = expectedNativePath(left, right);
    scenario(`matrix: ${one} ${left} and ${other} ${right} connect (${path})`, async (scene) => {
      await call(scene, { in: one, at: left }, { in: other, at: right });
    });
    scenario(`matrix: native ${left} and ${one} ${right} connect (${nativePath})`, async (scene) => {
      await callNative(scene, left, { in: one, at: right });
    });
  }
}
