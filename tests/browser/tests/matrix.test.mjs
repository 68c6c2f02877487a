// Every host of the lab calls every other. Takes far too long for each change: `cargo xtask test lab`.

import { call, callNative, inWords } from '../harness/call.mjs';
import { columnsOf, expectedNativePath, expectedPath, HOSTS, ROWS } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';
import { Table } from '../harness/table.mjs';

const BROWSERS = /** @type {const} */ ([
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
]);

for (const [index, left] of HOSTS.entries()) {
  for (const [offset, right] of HOSTS.slice(index + 1).entries()) {
    const [one, other] = BROWSERS[offset % 2] ?? BROWSERS[0];
    scenario(`matrix: ${one} ${left} and ${other} ${right} connect (${expectedPath(left, right)})`, async (scene) => {
      await call(scene, { in: one, at: left }, { in: other, at: right });
    });
  }
}

// A browser behind every kind of NAT, which is started once for all its calls, and for each a native client behind every kind.
for (const kind of /** @type {const} */ (['chromium', 'firefox'])) {
  const table = new Table(`${kind} (rows) and the native client (columns): what each of the two sends from`);
  for (const row of ROWS) {
    for (const column of columnsOf(row)) {
      for (const first of /** @type {const} */ (['browser', 'native client'])) {
        const title = `matrix: ${kind} ${row} and native client ${column}, the ${first} first`;
        scenario(`${title} (${expectedNativePath(column, row)})`, async (scene) => {
          await table.note(row, column, `${first} first`, async () => {
            return inWords(await callNative(scene, column, { in: kind, at: row, isKept: true }, { first }));
          });
        });
      }
    }
  }
}
