// The native client in a room with the web app: each is a full partner of the other.

import assert from 'node:assert/strict';
import { callNative } from '../harness/call.mjs';
import { expectedNativePath } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

/** Frames that have to arrive before a track counts as going on. */
const FRAMES_MIN = 30;

for (const kind of /** @type {const} */ (['chromium', 'firefox'])) {
  for (const first of /** @type {const} */ (['browser', 'native client'])) {
    scenario(`native: ${kind} and the native client meet; the ${first} was there first`, async (scene) => {
      const moim = await scene.moim();
      const anna = await scene.person('Anna', { in: kind });
      if (first === 'browser') await anna.join(moim.url, scene.room);
      const robot = scene.native('Robot', moim.url, scene.room, ['--chat', 'Hello, Anna']);
      await robot.isInRoom();
      if (first === 'native client') await anna.join(moim.url, scene.room);

      await anna.sees('Robot');
      const seen = await anna.reception('video', 'Robot');
      assert.deepEqual([seen?.width, seen?.codec], [640, 'video/VP8']);
      await anna.hears('Robot');
      await robot.receives('Anna', 'camera', FRAMES_MIN);
      await robot.receives('Anna', 'microphone', FRAMES_MIN);

      await anna.reads('Hello, Anna');
      await anna.say('안녕, Robot');
      await robot.reads('Anna', '안녕, Robot');

      assert.equal(await robot.leave(), 0, robot.complaints);
      await anna.misses('Robot');
      const files = await robot.play();
      assert.equal(files.length, 1, `camera and microphone are in one file: ${files}`);
      assert.match(files[0] ?? '', /^Anna-.*\.webm$/);
    });
  }
}

for (const [title, kind, host, at, path] of /** @type {const} */ ([
  ['by a punched hole', 'chromium', 'in-cone-a', 'in-cone-b', 'direct'],
  ['relayed between two symmetric NATs', 'firefox', 'in-symm-a', 'in-symm-b', 'relayed'],
  ['where only TCP port 443 is open', 'chromium', 'in-only443-a', 'in-only443-b', 'relayed'],
  ['by TCP, where UDP is blocked, without a relay', 'chromium', 'public', 'in-no-udp-a', 'direct'],
])) {
  scenario(`native: path ${title}, with ${kind}`, async (scene) => {
    assert.equal(expectedNativePath(host, at), path);
    const [, robot] = await callNative(scene, host, { in: kind, at });
    assert.equal(await robot.leave(), 0, robot.complaints);
  });
}

scenario('native: a call goes on after the address of the native client changes', async (scene) => {
  const { lab } = await scene.world();
  const [anna, robot] = await callNative(scene, 'in-cone-a', { in: 'chromium', at: 'in-cone-b' });
  await lab.change({ address: { of: 'in-cone-a' } });
  const before = robot.frames('Anna', 'camera');
  await eventually('pictures come again', async () => robot.frames('Anna', 'camera') >= before + 5 * FRAMES_MIN);
  await Promise.all([anna.sees('Robot'), anna.hears('Robot')]);
  await eventually('by a punched hole again', async () => (await robot.path('Anna')).local.type !== 'relay');
});
