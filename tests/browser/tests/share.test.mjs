// How a link is shared between what the native client sends and what a browser does: measured and printed.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { scenario } from '../harness/scenario.mjs';

/** Less than the two would like to send. */
const RATE_KBPS = 2_000;
/** How long they get used to each other, and how long they are watched. */
const SETTLE_MS = 12_000;
const ALONE_MS = 8_000;
const WATCH_MS = 20_000;

scenario('share: the native client and Chromium send over one link', async (scene) => {
  const { lab, moim } = await scene.world();
  const other = `${scene.room}-other`;
  const anna = await scene.personAt('Anna', { in: 'chromium', at: 'in-cone-a' });
  await anna.page.addInitScript(makeNoise);
  await anna.join(moim.url, scene.room);
  const quiet = { more: ['--no-video'] };
  const fromAnna = await scene.nativeAt('Ear', 'public', quiet);
  await fromAnna.receives('Anna', 'camera', 1);

  try {
    await lab.change({ link: { of: 'cone-a', link: { rateKbps: RATE_KBPS, queueMs: 300 } } });
    await sleep(SETTLE_MS);
    const [alone] = await watch(() => [fromAnna.bytes('Anna')], ALONE_MS);

    await scene.nativeAt('Robot', 'in-cone-a2', { room: other, more: ['--bitrate', '4M'] });
    const fromRobot = await scene.nativeAt('Ear', 'public', { room: other, ...quiet });
    await fromRobot.receives('Robot', 'camera', 1);
    await sleep(SETTLE_MS);
    const shares = await watch(() => [fromAnna.bytes('Anna'), fromRobot.bytes('Robot')], WATCH_MS);
    console.log(
      `of ${RATE_KBPS} kbit/s Chromium had ${alone} alone, then ${shares[0]} beside ${shares[1]} of the native client`,
    );
    for (const share of shares) assert.ok(share > 0, `${shares} kbit/s`);
  } finally {
    await lab.change({ link: { of: 'cone-a', link: {} } });
  }
});

/**
 * @param {() => number[]} bytes that have come so far
 * @param {number} time in milliseconds
 * @returns {Promise<number[]>} what comes meanwhile, in kbit/s
 */
async function watch(bytes, time) {
  const before = bytes();
  await sleep(time);
  return bytes().map((after, index) => Math.round(((after - (before[index] ?? 0)) * 8) / time));
}

/** Puts a picture that no codec makes small in the place of the camera's. Runs in the page. */
function makeNoise() {
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    const [camera] = stream.getVideoTracks();
    if (!camera) return stream;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [640, 360];
    const context = canvas.getContext('2d');
    const picture = new ImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(picture.data.buffer);
    setInterval(() => {
      for (let at = 0; at < pixels.length; at += 1) pixels[at] = Math.random() * 0xffffff + 0xff000000;
      context?.putImageData(picture, 0, 0);
    }, 50);
    stream.removeTrack(camera);
    for (const track of canvas.captureStream(20).getVideoTracks()) stream.addTrack(track);
    return stream;
  };
}
