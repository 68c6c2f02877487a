// Who may be in a room, and who removes them.

import assert from 'node:assert/strict';
import { scenario } from '../harness/scenario.mjs';
import { forgedToken, KEYS, token } from '../harness/token.mjs';

scenario('room: the host removes somebody, who is told so', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  const cleo = await scene.person('Cleo');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await cleo.join(moim.url, scene.room);
  await anna.sees('Ben');

  await anna.button('People').click();
  await anna.button('Remove Ben').click();
  await anna.button('Remove').click();
  await ben.isTold('You were removed');
  await Promise.all([anna.misses('Ben'), cleo.misses('Ben')]);
  await Promise.all([anna.sees('Cleo'), cleo.sees('Anna')]);
  // The button that was pressed is gone; whoever goes by keyboard is still in the panel.
  await anna.page.waitForFunction(() => document.activeElement?.closest('[role="dialog"]') !== null);
});

scenario('room: a server with keys takes good tokens and says what is wrong with others', async (scene) => {
  const moim = await scene.ownMoim(KEYS);
  const anna = await scene.person('Anna');
  await anna.join(moim.url, scene.room, { token: token({ room: scene.room, sub: 'anna' }) });
  const past = Math.floor(Date.now() / 1000) - 3600;
  const refused = [
    { given: undefined, title: 'This meeting needs an invitation' },
    { given: forgedToken({ room: scene.room, sub: 'ben' }), title: 'This invitation is not valid' },
    { given: token({ room: scene.room, sub: 'ben', exp: past }), title: 'Your invitation has expired' },
    { given: token({ room: 'another-room', sub: 'ben' }), title: 'The invitation is for another room' },
  ];
  for (const { given, title } of refused) {
    const ben = await scene.person('Ben');
    await ben.open(moim.url, scene.room, { token: given });
    await ben.knock();
    await ben.isTold(title);
  }
  assert.equal(await anna.page.evaluate(() => window.__moim?.room.remoteParticipants.size), 0, 'nobody came in');
});

scenario('room: a second join with the same identity takes the place of the first', async (scene) => {
  const moim = await scene.ownMoim(KEYS);
  const given = token({ room: scene.room, sub: 'anna' });
  const atHome = await scene.person('Anna');
  const onTheWay = await scene.person('Anna');
  await atHome.join(moim.url, scene.room, { token: given });
  await onTheWay.join(moim.url, scene.room, { token: given });
  await atHome.isTold('You joined from somewhere else');
});
