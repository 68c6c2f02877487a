// The link to the server: blocked, cut, lost with the server, ended in order. Media between people does not care.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

/** How long the cable is out. */
const CUT_MS = 5_000;
/** How long a session waits for its link: longer than the machine takes for what happens meanwhile, however busy it is. */
const RESUME_WINDOW = '10m';
/** How long a server that is told to end lets calls go on: likewise. */
const GRACE = '10m';

scenario('link: where WebSockets are blocked, a call works over plain HTTP', async (scene) => {
  const moim = await scene.moim();
  const proxy = await scene.plainHttpProxy(moim);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben', { in: 'firefox' });
  await anna.join(proxy.url, scene.room);
  await ben.join(proxy.url, scene.room);

  assert.ok(proxy.refused >= 2, 'both tried a WebSocket first');
  assert.equal(await anna.transport(), 'events');
  assert.equal(await ben.transport(), 'events');
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
  await anna.say('no socket needed');
  await ben.reads('no socket needed');
  await ben.leave();
  await anna.misses('Ben');
});

scenario('link: cut for five seconds, it resumes and nothing is lost or doubled', async (scene) => {
  const moim = await scene.ownMoim({ MOIM_SIGNAL_RESUME_WINDOW: RESUME_WINDOW });
  const cable = await scene.cable(moim);
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(cable.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna')]);
  const id = await anna.id();
  const before = await ben.reception('video', 'Anna');

  await cable.cut();
  const outage = delay(CUT_MS);
  await anna.page.getByTestId('banner').waitFor();
  await eventually('Ben is told', async () => (await ben.linkOf('Anna')) === 'interrupted');
  await anna.say('said while the cable was out');
  await ben.say('answered while the cable was out');
  await anna.button('Mute microphone').click();
  await anna.sees('Ben');
  await ben.sees('Anna');
  await outage;
  await cable.mend();

  await eventually('Anna is back', async () => (await ben.linkOf('Anna')) === 'connected');
  await anna.page.getByTestId('banner').waitFor({ state: 'hidden' });
  await ben.reads('said while the cable was out');
  await anna.reads('answered while the cable was out');
  assert.equal(await anna.id(), id, 'the session was resumed, not begun anew');
  await eventually('Ben sees that Anna is muted', () =>
    ben.page.evaluate(() => {
      const [anna] = window.__moim?.room.remoteParticipants.values() ?? [];
      return anna?.isMicrophoneEnabled === false;
    }),
  );
  await anna.say('and after it');
  await ben.reads('and after it');
  const after = await ben.reception('video', 'Anna');
  assert.ok((after?.frames ?? 0) > (before?.frames ?? 0), 'the picture went on, on the same track');
});

scenario('link: after a restart of the server everybody returns by themselves', async (scene) => {
  const moim = await scene.ownMoim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna')]);
  const id = await anna.id();

  moim.signal('SIGKILL');
  await moim.ended();
  await anna.page.getByTestId('banner').waitFor();
  await moim.run();

  await eventually('Anna has joined anew', async () => (await anna.id()) !== id);
  for (const [person, other] of /** @type {const} */ ([
    [anna, 'Ben'],
    [ben, 'Anna'],
  ])) {
    await eventually(`${person.name} has ${other} back, once`, async () => (await person.tile(other).count()) === 1);
  }
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
  await anna.say('we are back');
  await ben.reads('we are back');
});

scenario('link: a server told to end says so, lets the call go on, and ends in order', async (scene) => {
  const moim = await scene.ownMoim({ MOIM_DRAIN_GRACE: GRACE });
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna')]);

  moim.signal('SIGTERM');
  const notices = [anna, ben].map((person) => person.page.getByRole('status').filter({ hasText: 'restart' }).waitFor());
  await Promise.all(notices);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna')]);
  // Told again, it does not wait for the rest of the time.
  moim.signal('SIGTERM');
  assert.equal(await moim.ended(), 0, 'it ends with success');
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
});
