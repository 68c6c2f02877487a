// Rooms that grow and shrink: directly between two, by the server from the third on, and back, while everybody goes on being seen.

import assert from 'node:assert/strict';
import { scenario } from '../harness/scenario.mjs';
import { Table } from '../harness/table.mjs';
import { eventually } from '../harness/wait.mjs';

/** @typedef {import('../harness/person.mjs').Person} Person */
/** @typedef {import('../harness/scenario.mjs').Scene} Scene */

/** A server that forwards, however few there are. */
const BY_SERVER = { MOIM_ROOMS_TOPOLOGY: 'sfu' };
/** Longest until a room goes back to a mesh: the server waits half a minute before it does. */
const BACK_WITHIN_MS = 150_000;

const interruptions = new Table('The longest time without a new picture, in milliseconds, while the topology changed');

scenario('rooms: two, three, four and two again: everybody is seen and heard throughout', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  const cleo = await scene.person('Cleo');
  // Listens only: as many cameras as there are keep a small machine busy.
  const dan = await scene.person('Dan', { in: 'chromiumWithoutDevices' });
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await everybodySees([anna, ben]);
  await Promise.all([anna.travelsBy('mesh'), ben.travelsBy('mesh')]);
  await Promise.all([anna.watchesPictures(), ben.watchesPictures()]);
  await talk(anna, [ben], 'two of us');

  await cleo.join(moim.url, scene.room);
  await travelBy('sfu', [anna, ben, cleo]);
  await everybodySees([anna, ben, cleo]);
  await Promise.all([anna.hears('Cleo'), cleo.hears('Ben'), ben.hears('Anna')]);
  await talk(cleo, [anna, ben], 'three of us');
  await noteInterruptions('to the server, as a third joined', [anna, ben]);

  await dan.join(moim.url, scene.room);
  await everybodySees([anna, ben, cleo]);
  await Promise.all([anna, ben, cleo].map(({ name }) => dan.sees(name)));
  await dan.hears('Anna');
  await talk(dan, [anna, ben, cleo], 'four of us');

  await dan.leave();
  await cleo.leave();
  await Promise.all([anna.misses('Cleo'), ben.misses('Dan')]);
  await everybodySees([anna, ben]);
  await Promise.all([anna.watchesPictures(), ben.watchesPictures()]);
  await travelBy('mesh', [anna, ben], BACK_WITHIN_MS);
  await everybodySees([anna, ben]);
  await Promise.all([anna.hears('Ben'), ben.hears('Anna')]);
  await eventually('the mesh is all that is used', async () => !(await anna.receivesByServer()));
  await talk(ben, [anna], 'two again');
  await noteInterruptions('back to the mesh', [anna, ben]);
});

scenario('rooms: a browser is killed, and the call of the others goes on by the server', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  const { person: cleo, kill } = await scene.mortal('Cleo');
  for (const person of [anna, ben, cleo]) await person.join(moim.url, scene.room);
  await travelBy('sfu', [anna, ben, cleo]);
  await everybodySees([anna, ben, cleo]);

  kill();
  await Promise.all(
    [anna, ben].map((person) =>
      eventually(`${person.name} sees that Cleo is in trouble`, async () =>
        ['interrupted', 'gone'].includes((await person.linkOf('Cleo')) ?? ''),
      ),
    ),
  );
  await everybodySees([anna, ben]);
  await Promise.all([anna.hears('Ben'), ben.hears('Anna')]);
});

for (const viewer of /** @type {const} */ (['chromium', 'firefox'])) {
  scenario(`rooms: pictures in ${viewer} are as large as they are shown`, async (scene) => {
    const moim = await scene.ownMoim(BY_SERVER);
    const anna = await scene.person('Anna');
    const ben = await scene.person('Ben', { in: viewer });
    await ben.page.setViewportSize({ width: 1400, height: 900 });
    await anna.join(moim.url, scene.room);
    await ben.join(moim.url, scene.room);
    const large = await widthOf(ben, 'Anna', (width) => width >= 640);

    await ben.page.setViewportSize({ width: 330, height: 480 });
    await widthOf(ben, 'Anna', (width) => width < large);
    await layerIs(ben, 'Anna', (encoding) => encoding === 0);

    await ben.page.setViewportSize({ width: 1400, height: 900 });
    await widthOf(ben, 'Anna', (width) => width >= large);
  });
}

scenario('rooms: the details tell which layer of whom is seen, and how the server is reached', async (scene) => {
  const moim = await scene.ownMoim(BY_SERVER);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await ben.sees('Anna');
  await ben.button('Connection details').click();
  const layers = ben.page.locator('[data-testid="peer-details"][data-name="Anna"] [data-testid="layers"]');
  await layers.locator('tr[data-source="camera"][data-reason="wanted"]').waitFor();
  await ben.page.getByTestId('way-details').and(ben.page.locator('[data-topology="sfu"]')).waitFor();
  const server = ben.page.getByTestId('server-details');
  for (const fact of [/10\.77\.0\.1|fd77::1/, /dtls/i, /opus/i]) {
    await server.getByText(fact).first().waitFor({ state: 'attached' });
  }
});

scenario('rooms: the server is killed and started again, and everybody comes back by themselves', async (scene) => {
  const moim = await scene.ownMoim(BY_SERVER);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  const cleo = await scene.person('Cleo', { in: 'chromiumWithoutDevices' });
  for (const person of [anna, ben, cleo]) await person.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), cleo.sees('Anna'), cleo.sees('Ben')]);
  const before = await anna.id();

  moim.signal('SIGKILL');
  await moim.ended();
  await moim.run();

  for (const person of [anna, ben, cleo]) await person.isInCall();
  await eventually('Anna has joined anew', async () => (await anna.id()) !== before);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), cleo.sees('Anna'), cleo.sees('Ben')]);
  await Promise.all([anna.hears('Ben'), ben.hears('Anna')]);
  await talk(anna, [ben, cleo], 'back again');
});

scenario('rooms: a shared screen goes by the server, beside the camera', async (scene) => {
  const moim = await scene.ownMoim(BY_SERVER);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await ben.sees('Anna');

  await anna.button('Share screen').click();
  await ben.sees('Anna', 'screenShare');
  await ben.sees('Anna', 'camera');
  await anna.button('Stop sharing').first().click();
  await eventually('the shared screen is gone', async () => (await ben.tile('Anna', 'screenShare').count()) === 0);
  await ben.sees('Anna', 'camera');
});

scenario('rooms: whoever switches the camera off and on again is seen again', async (scene) => {
  const moim = await scene.ownMoim(BY_SERVER);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await everybodySees([anna, ben]);
  for (const [one, other] of /** @type {const} */ ([
    [anna, ben],
    [ben, anna],
  ])) {
    await one.button('Stop camera').click();
    await eventually(`${one.name} is dark`, async () => (await other.tile(one.name).locator('video').count()) === 0);
    await one.button('Start camera').click();
    await other.sees(one.name);
  }
});

/**
 * Everybody's picture moves at everybody else's.
 * @param {readonly Person[]} people
 */
async function everybodySees(people) {
  const pairs = people.flatMap((one) => people.flatMap((other) => (one === other ? [] : [{ one, other }])));
  await Promise.all(pairs.map(({ one, other }) => one.sees(other.name)));
}

/**
 * @param {'mesh' | 'sfu'} topology
 * @param {readonly Person[]} people
 * @param {number} [withinMs]
 */
async function travelBy(topology, people, withinMs) {
  await Promise.all(people.map((person) => person.travelsBy(topology, withinMs)));
}

/**
 * @param {Person} from
 * @param {readonly Person[]} to
 * @param {string} text
 */
async function talk(from, to, text) {
  await from.say(text);
  await Promise.all(to.map((person) => person.reads(text)));
}

/**
 * Reports, and judges nothing: how long a picture stands still is the machine's doing as well.
 * @param {string} change
 * @param {readonly Person[]} people
 */
async function noteInterruptions(change, people) {
  for (const one of people) {
    for (const other of people) {
      if (one === other) continue;
      const who = `${other.name} at ${one.name}`;
      await interruptions.note(change, who, who, async () => `${await one.interruptionOf(other.name)}`);
    }
  }
}

/**
 * Waits until somebody's picture has such a width.
 * @param {Person} viewer
 * @param {string} name
 * @param {(width: number) => boolean} isRight
 */
async function widthOf(viewer, name, isRight) {
  const seen = await eventually(`${viewer.name} sees ${name} in another size`, async () => {
    const now = await viewer.reception('video', name);
    if (now && isRight(now.width)) return now;
    throw new Error(`${now?.width} pixels wide, of the layer ${JSON.stringify(await viewer.receptionOf(name))}`);
  });
  assert.ok(seen.width > 0);
  return seen.width;
}

/**
 * Waits until the server says that it forwards such an encoding of somebody's camera.
 * @param {Person} viewer
 * @param {string} name
 * @param {(encoding: number | undefined) => boolean} isRight
 */
async function layerIs(viewer, name, isRight) {
  await eventually(`${viewer.name} is sent another layer of ${name}`, async () => {
    const reception = await viewer.receptionOf(name);
    if (isRight(reception?.layer?.encoding)) return true;
    throw new Error(JSON.stringify(reception));
  });
}
