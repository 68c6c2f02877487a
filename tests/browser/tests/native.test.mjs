// The native client in a room with the web app: each is a full partner of the other.

import assert from 'node:assert/strict';
import { callNative, goesOnAfter } from '../harness/call.mjs';
import { expectedNativePath } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

/** Frames that have to arrive before a track counts as going on. */
const FRAMES_MIN = 30;
/**
 * Who comes later makes the offer, and so decides on the path (RFC 8445 §6.1.1). Browsers go on to a better one whenever they find it; the
 * native client decides once, after a second, and a busy machine may not have found the best one by then.
 */
const BROWSER_DECIDES = /** @type {const} */ ({ first: 'native client' });

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
      // Where a machine is so busy that sound and picture begin far from each other, each has a file of its own.
      assert.ok(files.length === 1 || files.length === 2, `${files}`);
      for (const file of files) assert.match(file, /^Anna-.*\.(webm|ivf|ogg)$/);
    });
  }
}

for (const first of /** @type {const} */ (['browser', 'native client'])) {
  scenario(`native: with drafts that save round trips; the ${first} was there first`, async (scene) => {
    const moim = await scene.moim();
    const anna = await scene.person('Anna', { in: 'chromiumWithDrafts' });
    if (first === 'browser') await anna.join(moim.url, scene.room);
    const robot = scene.native('Robot', moim.url, scene.room, ['--chat', 'Hello, Anna', '--drafts']);
    await robot.isInRoom();
    if (first === 'native client') await anna.join(moim.url, scene.room);

    await anna.sees('Robot');
    await robot.receives('Anna', 'camera', FRAMES_MIN);
    await anna.reads('Hello, Anna');
    await anna.say('안녕, Robot');
    await robot.reads('Anna', '안녕, Robot');

    await eventually('DTLS went by checks', () => robot.transport('Anna')?.spedState === 'complete');
    const transport = robot.transport('Anna');
    assert.ok((transport?.spedDatagramsReceived ?? 0) > 0, 'of Chromium, too');
    assert.ok(transport?.snap, 'SCTP did without a handshake');
  });
}

for (const [kind, drafts] of /** @type {const} */ ([
  ['chromium', ['--drafts']],
  ['firefox', ['--drafts']],
  ['chromiumWithDrafts', []],
])) {
  scenario(`native: ${kind} and the native client, of which only one uses drafts`, async (scene) => {
    const moim = await scene.moim();
    const anna = await scene.person('Anna', { in: kind });
    await anna.join(moim.url, scene.room);
    const robot = scene.native('Robot', moim.url, scene.room, ['--chat', 'Hello, Anna', ...drafts]);

    await anna.sees('Robot');
    await robot.receives('Anna', 'camera', FRAMES_MIN);
    await anna.reads('Hello, Anna');

    await eventually('there are statistics', () => robot.transport('Anna') !== undefined);
    const transport = robot.transport('Anna');
    assert.deepEqual([transport?.snap, transport?.spedState], [false, drafts.length > 0 ? 'off' : null]);
  });
}

for (const [title, kind, host, at, path] of /** @type {const} */ ([
  ['by a punched hole', 'chromium', 'in-cone-a', 'in-cone-b', 'direct'],
  ['relayed between two symmetric NATs', 'firefox', 'in-symm-a', 'in-symm-b', 'relayed'],
  ['where only TCP port 443 is open', 'chromium', 'in-only443-a', 'in-only443-b', 'relayed'],
  ['by TCP, where UDP is blocked, without a relay', 'chromium', 'public', 'in-no-udp-a', 'direct'],
])) {
  scenario(`native: path ${title}, with ${kind}`, async (scene) => {
    assert.equal(expectedNativePath(host, at), path);
    const [, robot] = await callNative(scene, host, { in: kind, at }, BROWSER_DECIDES);
    assert.equal(await robot.leave(), 0, robot.complaints);
  });
}

for (const [who, kind, host, at, of] of /** @type {const} */ ([
  ['the native client', 'chromium', 'in-cone-a', 'in-cone-b', 'in-cone-a'],
  ['Firefox', 'firefox', 'in-symm-a', 'in-symm-b', 'in-symm-b'],
])) {
  const path = expectedNativePath(host, at);
  scenario(`native: ${path}, a call goes on after the address of ${who} changes`, async (scene) => {
    const call = await callNative(scene, host, { in: kind, at }, BROWSER_DECIDES);
    await goesOnAfter(scene, call, [at, host], { address: { of } });
  });
}
