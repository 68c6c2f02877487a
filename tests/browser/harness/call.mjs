// A call between two people in the lab.

import { assertPath, expectedPath } from './expectation.mjs';

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
