// The pages themselves: for everybody, with any means, in their language.

import assert from 'node:assert/strict';
import axe from 'axe-core';
import { scenario } from '../harness/scenario.mjs';

/** @typedef {import('../harness/person.mjs').Person} Person */

const SIZES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
};
/** Tabs until a control must have been reached. */
const TABS_MAX = 40;

for (const [size, context] of Object.entries(SIZES)) {
  scenario(`page: nothing on any screen keeps anybody out (${size})`, async (scene) => {
    const moim = await scene.moim();
    const ben = await scene.person('Ben');
    await ben.join(moim.url, scene.room);
    const anna = await scene.person('Anna', { context });
    await anna.visit(moim.url);
    await anna.button('New meeting').waitFor();
    await assertAccessible(anna, 'landing');
    await anna.open(moim.url, scene.room);
    await anna.page.getByRole('textbox', { name: 'Your name' }).waitFor();
    await assertAccessible(anna, 'pre-join');
    await anna.enter();
    await anna.sees('Ben');
    await assertAccessible(anna, 'call');
    await ben.say('a line to read');
    await anna.reads('a line to read');
    await assertAccessible(anna, 'chat');
    if (size === 'phone') {
      await anna.button('Close').click();
      await anna.button('More').click();
      await assertAccessible(anna, 'what is behind "More"');
    }
    await anna.button('Connection details').click();
    await anna.page.locator('[data-testid="peer-details"]').waitFor();
    await assertAccessible(anna, 'connection details');
  });
}

scenario('page: one can join and leave by keyboard alone', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  await anna.page.goto(`${moim.url}/?lang=en`);
  await tabTo(anna, anna.page.getByRole('button', { name: 'New meeting' }));
  await anna.page.keyboard.press('Enter');
  await tabTo(anna, anna.page.getByRole('textbox', { name: 'Your name' }));
  await anna.page.keyboard.press('ControlOrMeta+A');
  await anna.page.keyboard.type('Anna');
  await tabTo(anna, anna.button('Join now'));
  await anna.page.keyboard.press('Enter');
  await anna.isInCall();
  await tabTo(anna, anna.button('Leave'));
  await anna.page.keyboard.press('Enter');
  await anna.isTold('You left the meeting');
});

scenario('page: a Korean browser gets Korean pages, and the language can be changed', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('안나', { context: { locale: 'ko-KR' } });
  const { page } = anna;
  await page.goto(`${moim.url}/`);
  await page.getByRole('button', { name: '새 모임' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'ko');
  await page.goto(`${moim.url}/r/${scene.room}`);
  await page.getByRole('textbox', { name: '이름' }).fill('안나');
  await page.getByRole('button', { name: '지금 참가' }).click();
  await page.getByRole('button', { name: '나가기' }).click();
  await anna.isTold('모임에서 나왔습니다');
  await page.getByRole('combobox', { name: '언어' }).selectOption('en');
  await anna.isTold('You left the meeting');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
});

/**
 * @param {Person} person
 * @param {string} where
 */
async function assertAccessible(person, where) {
  await person.page.evaluate(axe.source);
  const violations = await person.page.evaluate(async () => {
    // What is still fading in has no contrast yet. A spinner never ends.
    const ending = document
      .getAnimations()
      .filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((animation) => animation.finished));
    const { axe } = /** @type {typeof window & { axe: typeof import('axe-core') }} */ (window);
    const { violations } = await axe.run(document);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
  });
  assert.deepEqual(violations, [], `accessibility of ${where}`);
}

/**
 * Presses Tab until a control has the focus.
 * @param {Person} person
 * @param {import('playwright-core').Locator} control
 */
async function tabTo(person, control) {
  await control.waitFor();
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    if (await control.evaluate((element) => element === document.activeElement)) return;
    await person.page.keyboard.press('Tab');
  }
  assert.fail(`${control} is not reached by ${TABS_MAX} tabs`);
}
