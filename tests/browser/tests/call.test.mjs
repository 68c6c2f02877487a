// Two people in a call: picture and sound both ways, words, files, a shared screen, and how it all came about.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

/** @typedef {import('../harness/person.mjs').Person} Person */

const FILE_BYTES = 10 * 1024 * 1024;
/** Of the steps of a connection, those that every one goes through. */
const STEPS = ['gatheringBegan', 'iceConnected', 'pairSelected', 'dtlsConnected', 'firstFrameReceived'];

for (const other of /** @type {const} */ (['chromium', 'firefox'])) {
  scenario(`call: chromium and ${other} see, hear and write to each other`, async (scene) => {
    const moim = await scene.moim();
    const anna = await scene.person('Anna');
    const ben = await scene.person('Ben', { in: other });

    await anna.visit(moim.url);
    await anna.page.getByRole('textbox', { name: 'Room name' }).fill(scene.room);
    await anna.button('Join').click();
    await anna.enter();
    await ben.join(moim.url, scene.room);

    await seeAndHear(anna, ben);
    await anna.say('Hello, Ben');
    await ben.reads('Hello, Ben');
    await ben.say('안녕, Anna 👋');
    await anna.reads('안녕, Anna 👋');

    await ben.leave();
    await anna.misses('Ben');
  });
}

for (const [from, to] of /** @type {const} */ ([
  ['chromium', 'chromium'],
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
])) {
  scenario(`call: a file of 10 MB from ${from} arrives whole in ${to}`, async (scene) => {
    const moim = await scene.moim();
    const anna = await scene.person('Anna', { in: from });
    const ben = await scene.person('Ben', { in: to });
    await anna.join(moim.url, scene.room);
    await ben.join(moim.url, scene.room);
    await anna.sees('Ben');

    const content = randomBytes(FILE_BYTES);
    const dir = await mkdtemp(join(tmpdir(), 'moim-file-'));
    const name = `pictures for ${to}.bin`;
    try {
      await writeFile(join(dir, name), content);
      await anna.offer(join(dir, name));
      const received = await ben.accept(name, FILE_BYTES);
      assert.equal(sha256(received), sha256(content));
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}

scenario('call: a screen shared in Chromium is seen in Firefox', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await ben.sees('Anna');

  await anna.button('Share screen').click();
  await ben.sees('Anna', 'screenShare');
  await ben.sees('Anna', 'camera');
  // One is among the controls, another in the picture itself.
  await anna.button('Stop sharing').first().click();
  await eventually('the shared screen is gone', async () => (await ben.tile('Anna', 'screenShare').count()) === 0);
  await ben.sees('Anna', 'camera');
});

scenario('call: the connection details say how it came about', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await seeAndHear(anna, ben);

  for (const [person, other] of /** @type {const} */ ([
    [anna, 'Ben'],
    [ben, 'Anna'],
  ])) {
    await person.button('Connection details').click();
    const details = person.page.locator(`[data-testid="peer-details"][data-name="${other}"]`);
    for (const fact of [/10\.77\.0\.1|fd77::1/, /dtls/i, /vp8|vp9|av1|h264/i, /opus/i]) {
      await details.getByText(fact).first().waitFor({ state: 'attached' });
    }
    for (const step of STEPS) {
      await details.locator(`[data-code="${step}"]`).first().waitFor({ state: 'attached' });
    }
  }
});

/**
 * Picture and sound arrive both ways.
 * @param {Person} one
 * @param {Person} other
 */
async function seeAndHear(one, other) {
  await Promise.all([one.sees(other.name), other.sees(one.name), one.hears(other.name), other.hears(one.name)]);
}

/** @param {Buffer} content */
function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}
