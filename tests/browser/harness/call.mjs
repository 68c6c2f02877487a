// A call between two people in the lab.

import assert from 'node:assert/strict';
import { assertPath, expectedNativePath, expectedPath } from './expectation.mjs';
import { eventually } from './wait.mjs';

/** @typedef {import('./scenario.mjs').Scene} Scene */
/** @typedef {import('./scenario.mjs').PlacedPersonOptions} Placed */
/** @typedef {import('./lab.mjs').Lab} Lab */
/** @typedef {import('./person.mjs').Person} Person */
/** @typedef {import('./native.mjs').Native} Native */
/** @typedef {import('./probe.mjs').Path} Path */
/** @typedef {{ from: string, to: string, kind: import('./expectation.mjs').Kind }} Expected */

/** Frames that have to arrive at the native client before a track counts as going on. */
const FRAMES_MIN = 10;

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
  await takes(lab, () => anna.path(), { from: left.at, to: right.at, kind });
  await takes(lab, () => ben.path(), { from: right.at, to: left.at, kind });
  return /** @type {const} */ ([anna, ben]);
}

/**
 * A native client and somebody with a browser call each other, and send each other pictures and sound by the path that is expected.
 * Whoever is not there first makes the offer.
 * @param {Scene} scene
 * @param {string} host of the native client
 * @param {Placed} person
 * @param {{ first?: 'browser' | 'native client' }} [options]
 */
export async function callNative(scene, host, person, { first = 'browser' } = {}) {
  const { moim } = await scene.world();
  const anna = await scene.personAt('Anna', person);
  if (first === 'browser') await anna.join(moim.url, scene.room);
  const robot = await scene.nativeAt('Robot', host);
  await robot.isInRoom();
  if (first === 'native client') await anna.join(moim.url, scene.room);
  await goesOn(anna, robot);
  await takeExpected(scene, [anna, robot], [person.at, host]);
  return /** @type {const} */ ([anna, robot]);
}

/**
 * Something happens to the network in the middle of a call between somebody with a browser and a native client. The call goes on: the
 * same connection finds another path, and pictures and sound come by it. It may stay a relayed one where a better one is to be had:
 * Firefox, where it decides, takes the first that works (RFC 5245 §8.1.1.2), and after a restart it hears of relays first.
 * @param {Scene} scene
 * @param {readonly [Person, Native]} call
 * @param {[string, string]} places where the two are, once it has happened
 * @param {object} change as `lab change` takes it
 */
export async function goesOnAfter(scene, [anna, robot], places, change) {
  const { lab } = await scene.world();
  const paths = async () => [await anna.path(), await robot.path('Anna')].map((path) => JSON.stringify(path));
  const before = await paths();
  const changed = Date.now();
  await lab.change(change);

  await eventually('both have left the old path', async () => (await paths()).every((path) => !before.includes(path)));
  await goesOn(anna, robot);
  await takeExpected(scene, [anna, robot], places).catch(async (error) => {
    if ((await robot.path('Anna')).local.type !== 'relay') throw error;
  });
  const steps = (await anna.steps(changed)).map(({ code }) => code);
  assert.ok(!steps.some((code) => code.startsWith('attempt')), `it is still the same connection: ${steps}`);
}

/**
 * The path of a call as its two ends see their own: the kind of candidate, how its relay is reached, and what goes from end to end.
 * @param {readonly [Person, Native]} call
 */
export async function inWords([anna, robot]) {
  const own = (/** @type {import('./probe.mjs').End} */ { type, relayProtocol }) =>
    relayProtocol ? `${type}/${relayProtocol}` : type;
  const [{ local: browsers }, { local: natives }] = [await anna.path(), await robot.path('Anna')];
  return `${own(browsers)} - ${own(natives)} ${natives.protocol}`;
}

/**
 * Pictures and sound come, from now on, in both directions.
 * @param {Person} anna
 * @param {Native} robot
 */
async function goesOn(anna, robot) {
  const [frames, sounds] = [robot.frames('Anna', 'camera'), robot.frames('Anna', 'microphone')];
  await Promise.all([
    anna.sees('Robot'),
    anna.hears('Robot'),
    robot.receives('Anna', 'camera', frames + FRAMES_MIN),
    robot.receives('Anna', 'microphone', sounds + FRAMES_MIN),
  ]);
}

/**
 * @param {Scene} scene
 * @param {readonly [Person, Native]} call
 * @param {[string, string]} places
 */
async function takeExpected(scene, [anna, robot], [person, host]) {
  const { lab } = await scene.world();
  const kind = expectedNativePath(host, person);
  await takes(lab, () => anna.path(), { from: person, to: host, kind });
  await takes(lab, () => robot.path('Anna'), { from: host, to: person, kind });
}

/**
 * Waits until one end says that it is by the path that is expected. Media often begins by a relay, before a better path is found.
 * @param {Lab} lab
 * @param {() => Promise<Path>} path
 * @param {Expected} expected
 */
async function takes(lab, path, expected) {
  await eventually('it is the path that is expected', async () => {
    assertPath(lab, await path(), expected);
    return true;
  });
}
