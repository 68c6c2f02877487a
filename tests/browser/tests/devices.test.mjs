// Camera and microphone: refused, absent, turned off and on.

import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

const CASES = /** @type {const} */ ([
  { title: 'permission was refused', browser: 'chromiumWithoutPermission' },
  { title: 'there is no camera and no microphone', browser: 'chromiumWithoutDevices' },
]);

for (const { title, browser } of CASES) {
  scenario(`devices: where ${title}, one can still join to listen`, async (scene) => {
    const moim = await scene.moim();
    const anna = await scene.person('Anna');
    await anna.join(moim.url, scene.room);
    const ben = await scene.person('Ben', { in: browser });
    await ben.open(moim.url, scene.room);
    await ben.button('Join to listen').waitFor();
    await ben.enter();

    await Promise.all([ben.sees('Anna'), ben.hears('Anna')]);
    await anna.tile('Ben').waitFor();
    await ben.say('I can hear you');
    await anna.reads('I can hear you');
  });
}

scenario('devices: camera and microphone go off and on again', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([ben.sees('Anna'), ben.hears('Anna')]);

  await anna.button('Stop camera').click();
  await anna.button('Start camera').waitFor();
  await eventually('the picture is gone', async () => (await ben.tile('Anna').locator('video:visible').count()) === 0);
  await anna.button('Start camera').click();
  await ben.sees('Anna');

  await anna.button('Mute microphone').click();
  await anna.button('Unmute microphone').click();
  await anna.button('Mute microphone').waitFor();
  await ben.hears('Anna');
});

scenario('devices: one who joins before the camera has started is seen and heard all the same', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.open(moim.url, scene.room);
  await ben.knock();
  await ben.isInCall();
  await Promise.all([anna.sees('Ben'), anna.hears('Ben')]);
});
