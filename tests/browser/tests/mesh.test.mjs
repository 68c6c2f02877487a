// Three and four people: everybody connects to everybody, and nobody's trouble is anybody else's.

import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

/** A server that leaves media to the participants. */
const MESH = { MOIM_ROOMS_TOPOLOGY: 'mesh' };

scenario('mesh: three people; one browser is killed and the call of the others goes on', async (scene) => {
  const moim = await scene.ownMoim(MESH);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  const { person: cleo, kill } = await scene.mortal('Cleo');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await cleo.join(moim.url, scene.room);
  await Promise.all([
    anna.sees('Ben'),
    anna.sees('Cleo'),
    ben.sees('Anna'),
    ben.sees('Cleo'),
    cleo.sees('Anna'),
    cleo.sees('Ben'),
  ]);

  kill();
  await Promise.all(
    [anna, ben].map((person) =>
      eventually(`${person.name} sees that Cleo is in trouble`, async () =>
        ['interrupted', 'gone'].includes((await person.linkOf('Cleo')) ?? ''),
      ),
    ),
  );
  await Promise.all([anna.sees('Ben'), anna.hears('Ben'), ben.sees('Anna'), ben.hears('Anna')]);
});

scenario('mesh: four people fill a room, and the fifth is told so', async (scene) => {
  const moim = await scene.ownMoim(MESH);
  // Two of them only listen: what is asked here is who gets in, and four cameras would keep a small machine busy.
  /** @type {[string, import('../harness/browsers.mjs').BrowserKind][]} */
  const guests = [
    ['Anna', 'chromium'],
    ['Ben', 'chromium'],
    ['Cleo', 'chromiumWithoutDevices'],
    ['Dan', 'chromiumWithoutDevices'],
  ];
  const people = [];
  for (const [name, kind] of guests) {
    const person = await scene.person(name, { in: kind });
    await person.join(moim.url, scene.room);
    people.push(person);
  }
  const [anna, , , dan] = people;
  await Promise.all([dan.sees('Anna'), dan.sees('Ben'), dan.tile('Cleo').waitFor()]);

  const eve = await scene.person('Eve');
  await eve.open(moim.url, scene.room);
  await eve.knock();
  await eve.isTold('The room is full');

  await Promise.all(people.map((person) => person.sees(person.name === 'Anna' ? 'Ben' : 'Anna')));
  await dan.leave();
  await anna.misses('Dan');
});
