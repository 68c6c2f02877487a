// A call between two people in the lab.

import { assertPath, expectedNativePath, expectedPath } from './expectation.mjs';

/** @typedef {import('./scenario.mjs').Scene} Scene */
/** @typedef {import('./scenario.mjs').PlacedPersonOptions} Placed */

/**
 * Two people call each other, see and hear each other, and do so by the path that is expected.
 * @param {Scene} scene
 * @param {Placed} left
 * @param {Placed} right
 */
export async function call(scene, left, right) {
  const { lab, moim } = await scene.world();
  const [anna, ben] = await Promise.all([scene.personAt('Anna', left), scene.personAt('Ben', right)]);
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
  const kind = left.relayOnly || right.relayOnly ? 'relayed' : expectedPath(left.at, right.at);
  assertPath(lab, await anna.path(), { from: left.at, to: right.at, kind });
  assertPath(lab, await ben.path(), { from: right.at, to: left.at, kind });
  return /** @type {const} */ ([anna, ben]);
}

/** Frames that have to arrive at the native client before a track counts as going on. */
const FRAMES_MIN = 30;

/**
 * A native client and somebody with a browser call each other, and send each other pictures and sound by the path that is expected.
 * @param {Scene} scene
 * @param {string} host of the native client
 * @param {Placed} person
 */
export async function callNative(scene, host, person) {
  const { lab, moim } = await scene.world();
  const anna = await scene.personAt('Anna', person);
  await anna.join(moim.url, scene.room);
  const robot = await scene.nativeAt('Robot', host);
  await robot.isInRoom();
  await Promise.all([
    anna.sees('Robot'),
    anna.hears('Robot'),
    robot.receives('Anna', 'camera', FRAMES_MIN),
    robot.receives('Anna', 'microphone', FRAMES_MIN),
  ]);
  const kind = expectedNativePath(host, person.at);
  assertPath(lab, await anna.path(), { from: person.at, to: host, kind });
  assertPath(lab, await robot.path('Anna'), { from: host, to: person.at, kind });
  return /** @type {const} */ ([anna, robot]);
}
