// The server under test: the real binary, as a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST } from './address.mjs';
import { eventually, within } from './wait.mjs';

/** Longest the server may take to start or to end. */
const START_MS = 20_000;

export class Moim {
  #dataDir = mkdtempSync(join(tmpdir(), 'moim-test-'));
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  /** Everything it has written, of all its runs. */
  log = '';

  /**
   * @param {number} port
   * @param {Record<string, string>} environment configuration, as `MOIM_…` variables
   */
  constructor(port, environment) {
    this.port = port;
    this.environment = environment;
  }

  /**
   * @param {Record<string, string>} [environment]
   * @returns {Promise<Moim>}
   */
  static async start(environment = {}) {
    const moim = new Moim(await freePort(), environment);
    await moim.run();
    return moim;
  }

  /** Where a browser goes. */
  get url() {
    return `https://${HOST}:${this.port}`;
  }

  /** Starts the process, again if it has ended, and waits until it answers. */
  async run() {
    const binary = /** @type {string} */ (process.env.MOIM_BIN);
    const flags = ['--port', `${this.port}`, '--listen', HOST, '--data-dir', this.#dataDir];
    const child = spawn(binary, flags, {
      env: { PATH: process.env.PATH, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (text) => (this.log += text));
    child.stderr.on('data', (text) => (this.log += text));
    child.on('error', (error) => (this.log += `cannot start: ${error.message}\n`));
    this.#process = child;
    await eventually(
      `${binary} answers on port ${this.port}`,
      () => {
        if (child.exitCode !== null) return true; // said below, with its log
        return this.isUp();
      },
      START_MS,
    );
    if (child.exitCode !== null) throw new Error(`moim ended with ${child.exitCode} at its start:\n${this.log}`);
  }

  /** Whether it serves pages. */
  async isUp() {
    const options = { rejectUnauthorized: false, agent: false, timeout: 2_000 };
    const request = get(`${this.url}/`, options);
    const [response] = await once(request, 'response');
    response.resume();
    return response.statusCode === 200;
  }

  /** Its process id. */
  get pid() {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('moim does not run');
    return pid;
  }

  /**
   * Asks it to end.
   * @param {NodeJS.Signals} signal
   */
  signal(signal) {
    this.#process?.kill(signal);
  }

  /**
   * Waits for its end.
   * @param {number} withinMs
   * @returns {Promise<number | NodeJS.Signals | null>} its exit status, or the signal that ended it
   */
  async ended(withinMs = START_MS) {
    const child = this.#process;
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) await within('moim ends', once(child, 'exit'), withinMs);
    return child.exitCode ?? child.signalCode;
  }

  /** Ends it at once and removes what it kept. */
  async stop() {
    this.signal('SIGKILL');
    await this.ended();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}

/** @returns {Promise<number>} a port that nobody listens on */
export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
