// One test: people, servers and proxies that are made for it, watched over, and cleared away after it.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Authority } from './authority.mjs';
import {
  browser,
  browserAt,
  closeBrowsers,
  closeKept,
  FIREFOX_DOWNLOADS,
  keptBrowserAt,
  mortalChromium,
} from './browsers.mjs';
import { Lab } from './lab.mjs';
import { Moim } from './moim.mjs';
import { Native } from './native.mjs';
import { Person } from './person.mjs';
import { installProbe } from './probe.mjs';
import { Cable, PlainHttpProxy } from './proxy.mjs';
import { printTables } from './table.mjs';

/** @typedef {import('./browsers.mjs').BrowserKind} BrowserKind */
/** @typedef {import('playwright-core').BrowserContextOptions} ContextOptions */
/** @typedef {import('./probe.mjs').Restraint} Restraint */
/** @typedef {{ in?: BrowserKind, context?: ContextOptions }} PersonOptions */
/** @typedef {{ in?: 'chromium' | 'firefox', at: string, isKept?: boolean } & Restraint} PlacedPersonOptions */

/** Longest a test may take before it counts as hanging. */
const TEST_MS = 600_000;

/** Where the server is in the lab. */
const SERVER = 'server';

/** @type {Promise<Moim> | undefined} */
let shared;
/** @type {Promise<{ lab: Lab, authority: Authority, moim: Moim }> | undefined} */
let world;
let rooms = 0;

export class Scene {
  /** @type {Person[]} */
  #people = [];
  /** @type {(() => Promise<unknown>)[]} */
  #cleanUp = [];
  /** @type {Moim[]} */
  #servers = [];
  /** @type {Native[]} */
  #natives = [];

  /** The name of a room that no other test uses. */
  room = `room-${++rooms}`;

  /** The server that tests share when they do it no harm. */
  async moim() {
    shared ??= Moim.start();
    return this.#watch(await shared);
  }

  /**
   * A server for this test alone.
   * @param {Record<string, string>} [environment]
   */
  async ownMoim(environment) {
    const moim = await Moim.start(environment);
    this.#cleanUp.push(() => moim.stop());
    return this.#watch(moim);
  }

  /** The network with NATs, with a server at `server.test` in it. */
  async world() {
    world ??= makeWorld();
    const made = await world;
    this.#watch(made.moim);
    return made;
  }

  /** @param {Moim} moim */
  #watch(moim) {
    if (!this.#servers.includes(moim)) this.#servers.push(moim);
    return moim;
  }

  /**
   * A connection to a server that can be cut.
   * @param {Moim} moim
   */
  async cable(moim) {
    const cable = await Cable.lay(moim.port);
    this.#cleanUp.push(() => cable.stop());
    return cable;
  }

  /**
   * A proxy before a server that refuses WebSockets.
   * @param {Moim} moim
   */
  async plainHttpProxy(moim) {
    const proxy = await PlainHttpProxy.start(moim.port);
    this.#cleanUp.push(() => proxy.stop());
    return proxy;
  }

  /**
   * Somebody with a browser profile of their own.
   * @param {string} name
   * @param {PersonOptions} [options]
   */
  async person(name, { in: kind = 'chromium', context } = {}) {
    const downloads = kind === 'firefox' ? FIREFOX_DOWNLOADS : undefined;
    return this.#seat(name, await browser(kind), context, downloads);
  }

  /**
   * A native client in a room.
   * @param {string} name
   * @param {string} url of the server
   * @param {string} room
   * @param {string[]} [more] arguments
   */
  native(name, url, room, more) {
    return this.#start(new Native(name, url, room, more));
  }

  /**
   * A native client on a host of the lab, in the room of this test unless another is named.
   * @param {string} name
   * @param {string} host
   * @param {{ room?: string, more?: string[] }} [options]
   */
  async nativeAt(name, host, { room = this.room, more = [] } = {}) {
    const { lab, authority, moim } = await this.world();
    return this.#start(new Native(name, moim.url, room, more, { prefix: lab.prefix(host), ca: authority.ca }));
  }

  /** @param {Native} native */
  #start(native) {
    this.#natives.push(native);
    this.#cleanUp.push(() => native.stop());
    return native;
  }

  /**
   * Somebody whose browser will be killed.
   * @param {string} name
   */
  async mortal(name) {
    const { browser, kill } = await mortalChromium();
    this.#cleanUp.push(async () => kill());
    return { person: await this.#seat(name, browser), kill };
  }

  /**
   * Somebody on a host of the lab, with a browser of their own, or (`isKept`) one that the test before may have left there.
   * @param {string} name
   * @param {PlacedPersonOptions} options
   */
  async personAt(name, { in: kind = 'chromium', at, isKept = false, ...restraint }) {
    const { lab, authority } = await this.world();
    const browser = isKept
      ? await keptBrowserAt(kind, lab, at, authority.ca)
      : await this.#browserAt(kind, lab, at, authority.ca);
    return this.#seat(name, browser, { ignoreHTTPSErrors: false }, undefined, restraint);
  }

  /** @param {Parameters<typeof browserAt>} where */
  async #browserAt(...where) {
    const { browser, close } = await browserAt(...where);
    this.#cleanUp.push(close);
    return browser;
  }

  /**
   * @param {string} name
   * @param {import('playwright-core').Browser} where
   * @param {ContextOptions} [options]
   * @param {string} [downloads]
   * @param {Restraint} [restraint]
   */
  async #seat(name, where, options, downloads, restraint = {}) {
    const size = { width: 1000, height: 700 };
    const usual = { ignoreHTTPSErrors: true, acceptDownloads: true, locale: 'en-US', viewport: size };
    const context = await where.newContext({ ...usual, ...options });
    this.#cleanUp.push(() => context.close());
    await context.addInitScript(installProbe, restraint);
    const person = new Person(name, await context.newPage(), downloads);
    this.#people.push(person);
    return person;
  }

  /** What must hold in every test: no script failed, no policy was violated, the server did not stumble. */
  async assertClean() {
    for (const person of this.#people) {
      assert.deepEqual(person.complaints, [], `${person.name}'s browser complained`);
      assert.deepEqual(await person.violations(), [], `${person.name}'s page violated its content security policy`);
    }
    for (const moim of this.#servers) {
      const stumbles = moim.log.split('\n').filter((line) => /panicked|\bERROR\b/.test(line));
      assert.deepEqual(stumbles, [], 'the server logged errors');
    }
  }

  /**
   * Keeps what shows why a test failed.
   * @param {string} title
   */
  async keepArtifacts(title) {
    const dir = join(/** @type {string} */ (process.env.MOIM_ARTIFACTS), title.replace(/[^\w]+/g, '-').toLowerCase());
    mkdirSync(dir, { recursive: true });
    for (const [index, moim] of this.#servers.entries()) writeFileSync(join(dir, `moim-${index}.log`), moim.log);
    for (const { name, lines, complaints } of this.#natives) {
      writeFileSync(join(dir, `${name}.log`), [...lines.map((line) => JSON.stringify(line)), complaints].join('\n'));
    }
    for (const person of this.#people) {
      writeFileSync(join(dir, `${person.name}.console.log`), person.console.join('\n'));
      const kept = { path: join(dir, `${person.name}.png`), timeout: 5_000 };
      await person.page.screenshot(kept).catch(() => {});
      writeFileSync(join(dir, `${person.name}.trace.json`), await person.trace().catch(() => ''));
      const html = await person.page.content().catch(() => '');
      writeFileSync(join(dir, `${person.name}.html`), html);
    }
    console.log(`kept in ${dir}`);
  }

  /** Closes what was opened, the newest first. */
  async close() {
    for (const action of this.#cleanUp.reverse()) await action().catch(() => {});
  }
}

/** @type {{ title: string, play: (scene: Scene) => Promise<void> }[]} */
const scenarios = [];

/**
 * Declares a test.
 * @param {string} title
 * @param {(scene: Scene) => Promise<void>} play
 */
export function scenario(title, play) {
  scenarios.push({ title, play });
}

/**
 * Runs the tests whose title holds one of the words, or all of them if there are no words.
 * @param {string[]} words
 */
export function runScenarios(words) {
  const isWanted = (/** @type {string} */ title) =>
    words.length === 0 || words.some((word) => title.toLowerCase().includes(word.toLowerCase()));
  const wanted = scenarios.filter(({ title }) => isWanted(title));
  if (wanted.length === 0) throw new Error(`no test is called anything like ${words.join(' or ')}`);
  // One suite around all of them: what they share has to end with them, or the process never would.
  describe('moim in browsers', () => {
    for (const { title, play } of wanted) test(title, { timeout: TEST_MS }, () => perform(title, play));
    after(closeShared);
  });
}

/**
 * @param {string} title
 * @param {(scene: Scene) => Promise<void>} play
 */
async function perform(title, play) {
  const scene = new Scene();
  try {
    await play(scene);
    await scene.assertClean();
  } catch (error) {
    await scene.keepArtifacts(title);
    await closeKept().catch(() => {});
    throw error;
  } finally {
    await scene.close();
  }
}

async function makeWorld() {
  const lab = await Lab.up();
  const authority = new Authority(`${SERVER}.test`);
  // What is looked at here is which way two find to each other: with another policy, the server takes over where that takes long.
  const moim = await Moim.startAt(lab, SERVER, authority, { MOIM_ROOMS_TOPOLOGY: 'mesh' });
  return { lab, authority, moim };
}

async function closeShared() {
  printTables();
  await closeBrowsers();
  const made = await world?.catch(() => undefined);
  await made?.moim.stop();
  made?.authority.remove();
  await made?.lab.stop();
  const moim = await shared?.catch(() => undefined);
  await moim?.stop();
}
