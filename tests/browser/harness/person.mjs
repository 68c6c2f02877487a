// A person in front of a browser: sees roles and names, clicks and types, and knows nothing of the code behind.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, WITHIN_MS } from './wait.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */
/** @typedef {import('./probe.mjs').Reception} Reception */
/** @typedef {'camera' | 'screenShare'} VideoSource */

/** Pictures that have to arrive before a video counts as going on. */
const FRAMES_MIN = 10;
/** Longest a file of some megabytes may take on a busy machine. */
const TRANSFER_MS = 180_000;

/** A request or a socket that fails is the network's doing, and what a test may be about. */
const NETWORK_TROUBLE =
  /Failed to load resource|WebSocket|can.t establish a connection|connection .* was interrupted|ERR_/i;

export class Person {
  /** What the browser complained about. */
  /** @type {string[]} */
  complaints = [];
  /** Every line on the console. */
  /** @type {string[]} */
  console = [];

  /**
   * @param {string} name
   * @param {Page} page
   * @param {string} [downloads] the folder where the browser saves by itself; without it, it asks
   */
  constructor(name, page, downloads) {
    this.name = name;
    this.page = page;
    this.downloads = downloads;
    page.on('console', (message) => {
      const line = `${message.type()}: ${message.text()}`;
      this.console.push(line);
      if (message.type() === 'error' && !NETWORK_TROUBLE.test(line)) this.complaints.push(line);
    });
    page.on('pageerror', (error) => {
      if (!NETWORK_TROUBLE.test(error.message)) this.complaints.push(`uncaught: ${error.stack ?? error.message}`);
    });
    page.setDefaultTimeout(WITHIN_MS);
  }

  /**
   * A button by its name, as assistive technology hears it.
   * @param {string | RegExp} name
   */
  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** @param {string} url of the server */
  async visit(url) {
    await this.page.goto(`${url}/`);
  }

  /**
   * Opens the address of a room, as one who was sent the link does.
   * @param {string} url
   * @param {string} room
   * @param {{ token?: string, language?: string }} [options]
   */
  async open(url, room, { token, language = 'en' } = {}) {
    await this.page.goto(`${url}/r/${room}?lang=${language}${token ? `#token=${token}` : ''}`);
  }

  /**
   * From the address of a room into its call.
   * @param {string} url
   * @param {string} room
   * @param {{ token?: string }} [options]
   */
  async join(url, room, options) {
    await this.open(url, room, options);
    await this.enter();
  }

  /** From the room's door into the call, once one sees oneself or it is clear that there is nothing to see. */
  async enter() {
    const listen = this.button('Join to listen');
    await this.page.locator('video').or(listen).first().waitFor();
    await this.knock();
    await this.isInCall();
  }

  /** Says one's name and asks to be let in. */
  async knock() {
    await this.page.getByRole('textbox', { name: 'Your name' }).fill(this.name);
    await this.page.getByRole('button', { name: /^Join (now|to listen)$/ }).click();
  }

  /**
   * Waits for the page that says why one is not, or no longer, in the call.
   * @param {string} title
   */
  async isTold(title) {
    await this.page.getByRole('heading', { name: title, exact: true }).waitFor();
  }

  /** Waits until the call is on. */
  async isInCall() {
    await this.button('Leave').waitFor();
    await eventually(`${this.name} is connected`, () =>
      this.page.evaluate(() => window.__moim?.room.state === 'connected'),
    );
  }

  async leave() {
    await this.button('Leave').click();
    await this.isTold('You left the meeting');
  }

  /**
   * The tile of somebody.
   * @param {string} name
   * @param {VideoSource} [source]
   */
  tile(name, source = 'camera') {
    return this.page.locator(`[data-testid="tile"][data-name="${name}"][data-source="${source}"]`);
  }

  /**
   * How somebody's link to the server is shown; `gone` when they are not shown at all.
   * @param {string} name
   * @returns {Promise<string | undefined>}
   */
  async linkOf(name) {
    const links = await this.tile(name).evaluateAll((tiles) => tiles.map((tile) => tile.dataset.link));
    return links.length === 0 ? 'gone' : links[0];
  }

  /**
   * What has arrived of somebody so far.
   * @param {'audio' | 'video'} kind
   * @param {string} name
   * @param {VideoSource} [source]
   * @returns {Promise<Reception | undefined>}
   */
  reception(kind, name, source = 'camera') {
    return this.page.evaluate(
      ([kind, name, source]) => window.__probe.reception(/** @type {'audio' | 'video'} */ (kind), name, source),
      [kind, name, source],
    );
  }

  /**
   * Waits until somebody's picture moves: more frames are decoded, from now on.
   * @param {string} name
   * @param {VideoSource} [source]
   */
  async sees(name, source = 'camera') {
    const before = await this.reception('video', name, source);
    return eventually(`${this.name} sees ${name} (${source})`, async () => {
      const now = await this.reception('video', name, source);
      return now && now.width > 0 && now.frames >= (before?.frames ?? 0) + FRAMES_MIN && now;
    });
  }

  /**
   * Waits until somebody is heard: more sound is played, from now on.
   * @param {string} name
   */
  async hears(name) {
    const before = await this.reception('audio', name);
    return eventually(`${this.name} hears ${name}`, async () => {
      const now = await this.reception('audio', name);
      return now && now.energy > (before?.energy ?? 0) && now;
    });
  }

  /**
   * Waits until nobody of this name is shown any more.
   * @param {string} name
   */
  async misses(name) {
    await eventually(`${name} is gone for ${this.name}`, async () => (await this.tile(name).count()) === 0);
  }

  /** Opens the chat, unless it is open. */
  async openChat() {
    const message = this.page.getByRole('textbox', { name: 'Message', exact: true });
    if (!(await message.isVisible())) await this.button('Chat').click();
    await message.waitFor();
    return message;
  }

  /** @param {string} text */
  async say(text) {
    const message = await this.openChat();
    await message.fill(text);
    await this.button('Send').click();
  }

  /**
   * How often a text stands in the chat.
   * @param {string} text
   */
  async count(text) {
    await this.openChat();
    return this.page.getByRole('log').getByText(text, { exact: true }).count();
  }

  /**
   * Waits until a text stands in the chat, once.
   * @param {string} text
   */
  async reads(text) {
    await eventually(`${this.name} reads "${text}"`, async () => (await this.count(text)) > 0);
    assert.equal(await this.count(text), 1, `${this.name} reads "${text}" once`);
  }

  /**
   * Offers a file to everybody.
   * @param {string} path
   */
  async offer(path) {
    await this.openChat();
    await this.page.locator('input[type="file"]').setInputFiles(path);
  }

  /**
   * Accepts a file that is offered, waits for all of it, and saves it.
   * @param {string} file its name
   * @param {number} bytes its size
   * @returns {Promise<Buffer>} what was saved
   */
  async accept(file, bytes) {
    await this.openChat();
    await this.button(`Accept ${file}`).click();
    const link = this.page.getByRole('link', { name: `Save ${file}` });
    await link.waitFor({ timeout: TRANSFER_MS });
    if (this.downloads === undefined) {
      const [download] = await Promise.all([this.page.waitForEvent('download'), link.click()]);
      return readFile(await download.path());
    }
    await link.click();
    const path = join(this.downloads, file);
    await eventually(`${file} is saved`, async () => (await stat(path)).size === bytes);
    return readFile(path);
  }

  /**
   * The number of the participant, which a resumed session keeps and a new one does not.
   * @returns {Promise<string>}
   */
  async id() {
    return eventually(`${this.name} has an id`, () =>
      this.page.evaluate(() => window.__moim?.room.localParticipant.id),
    );
  }

  /** By what its signalling goes: `websocket` or `events`. */
  transport() {
    return this.page.evaluate(() => window.__moim?.room.transport);
  }

  /**
   * The path that media take to the other one in the call.
   * @returns {Promise<import('./probe.mjs').Path>}
   */
  path() {
    return eventually(`${this.name} has a path`, () => this.page.evaluate(() => window.__probe.path()));
  }

  /**
   * How media travels, as one is told.
   * @returns {Promise<string | undefined>} `mesh` or `sfu`
   */
  async way() {
    const line = this.page.getByTestId('way');
    return (await line.count()) === 0 ? undefined : line.evaluate((line) => line.dataset.topology);
  }

  /**
   * Waits until media travels so.
   * @param {'mesh' | 'sfu'} topology
   * @param {number} [withinMs]
   */
  async travelsBy(topology, withinMs) {
    const what = `${this.name} is told that media travels by ${topology}`;
    await eventually(what, async () => (await this.way()) === topology, withinMs);
  }

  /**
   * What the server says that it forwards of somebody's camera.
   * @param {string} name
   * @returns {Promise<import('./globals.d.ts').Reception | undefined>}
   */
  receptionOf(name) {
    return this.page.evaluate((name) => {
      const others = [...(window.__moim?.room.remoteParticipants.values() ?? [])];
      return others.find((other) => other.name === name)?.getTrackPublication('camera')?.reception;
    }, name);
  }

  /** Whether anything is shown that the server forwards. */
  receivesByServer() {
    return this.page.evaluate(() => {
      const others = [...(window.__moim?.room.remoteParticipants.values() ?? [])];
      return others.some((other) => other.getTrackPublication('camera')?.reception !== undefined);
    });
  }

  /** Measures from now on how long pictures stand still. */
  async watchesPictures() {
    await this.page.evaluate(() => window.__probe.watchPictures());
  }

  /**
   * The longest time without a new picture since they are watched, in milliseconds.
   * @param {string} name whose
   */
  async interruptionOf(name) {
    const all = await this.page.evaluate(() => window.__probe.interruptions());
    return Math.round(all[name] ?? Number.NaN);
  }

  /**
   * What has happened to the connection to the only other one, by the application's own notes.
   * @param {number} since in milliseconds since 1970
   * @returns {Promise<{ code: string, time: number }[]>} the oldest first
   */
  steps(since) {
    return this.page.evaluate((since) => {
      const [other] = window.__moim?.room.remoteParticipants.values() ?? [];
      const steps = other?.connection.steps ?? [];
      return steps.filter(({ time }) => time >= since).map(({ code, time }) => ({ code, time }));
    }, since);
  }

  /**
   * All that the application noted about how it connects to the others, as JSON.
   * @returns {Promise<string>}
   */
  trace() {
    return this.page.evaluate(() => {
      const { room } = window.__moim ?? {};
      const others = [...(room?.remoteParticipants.values() ?? [])];
      const all = [
        ...others,
        ...(room?.serverConnection ? [{ name: 'server', connection: room.serverConnection }] : []),
      ];
      const traces = all.map(({ name, connection: { state, steps, candidates, pairs, media } }) => ({
        name,
        state,
        steps: steps.map(({ at, text }) => `${(at / 1000).toFixed(3)} ${text}`),
        ...{ candidates, pairs, media },
      }));
      const forwarded = others.map((other) => [other.name, other.getTrackPublication('camera')?.reception]);
      return JSON.stringify({ traces, forwarded }, null, 1);
    });
  }

  /** Whatever violated the page's content security policy. */
  async violations() {
    if (this.page.isClosed()) return [];
    return this.page.evaluate(() => window.__probe.violations).catch(() => []);
  }
}
