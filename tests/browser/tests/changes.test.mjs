// Calls between the native client and a browser whose network changes: every kind of change, on either side, from every kind of path.
// Takes too long for each change of the code: `cargo xtask test lab`. tests/native.test.mjs has one of each side.

import { callNative, goesOnAfter, inWords } from '../harness/call.mjs';
import { expectedNativePath } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';
import { Table } from '../harness/table.mjs';

/** Where the native client is, where the browser is, and gateways of theirs that change their address without anybody's telling. */
const PLACES = /** @type {const} */ ([
  ['in-cone-a', 'in-cone-b', ['cone-a', 'cone-b']],
  ['in-symm-a', 'in-symm-b', ['symm-a', 'symm-b']],
  ['in-cone-a', 'in-cone-a2', []],
  ['in-v6-a', 'in-v6-b', []],
  ['in-only443-a', 'in-only443-b', []],
  ['public', 'in-no-udp-a', []],
]);

for (const kind of /** @type {const} */ (['chromium', 'firefox'])) {
  const table = new Table(
    `${kind} and the native client, after the address of one (row) has changed in the middle of a call`,
  );
  for (const [host, at, gateways] of PLACES) {
    for (const [who, of] of [
      ['native client', host],
      [kind, at],
      ...gateways.map((name) => [`gateway ${name}`, name]),
    ]) {
      for (const first of /** @type {const} */ (['browser', 'native client'])) {
        const path = `${expectedNativePath(host, at)}, native client ${host} and ${kind} ${at}, the ${first} first`;
        scenario(`change: ${path}: the ${who} gets another address`, async (scene) => {
          await table.note(`${who}`, `${at} - ${host}`, `${first} first`, async () => {
            const call = await callNative(scene, host, { in: kind, at }, { first });
            await goesOnAfter(scene, call, [at, host], { address: { of } });
            return inWords(call);
          });
        });
      }
    }
  }
}
