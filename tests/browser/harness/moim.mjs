// The server under test: the real binary, as a process of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { HOST } from './address.mjs';
import { eventually, within } from './wait.mjs';

/** The port of the next server: below those that the kernel gives to sockets of browsers, so that none is taken already. */
let nextPort = 10_000;
/** Where a server in the lab tells what it counts. */
const MANAGEMENT = '127.0.0.1:9410';

export class Moim {
  #dataDir = mkdtempSync(join(tmpdir(), 'moim-test-'));
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  /** Everything it has written, of all its runs. */
  log = '';

  /** The words before the program that make it run elsewhere. */
  #prefix;
  /** Where a browser goes. */
  url;

  /**
   * @param {number} port
   * @param {Record<string, string>} environment configuration, as `MOIM_…` variables
   * @param {{ prefix: string[], url: string }} [elsewhere]
   */
  constructor(port, environment, elsewhere) {
    this.port = port;
    this.environment = environment;
    this.#prefix = elsewhere?.prefix ?? [];
    this.url = elsewhere?.url ?? `https://${HOST}:${port}`;
  }

  /**
   * @param {Record<string, string>} [environment]
   * @returns {Promise<Moim>}
   */
  static async start(environment = {}) {
    const moim = new Moim(nextPort++, environment);
    await moim.run();
    return moim;
  }

  /**
   * A server on a host of the lab, at the port of HTTPS.
   * @param {import('./lab.mjs').Lab} lab
   * @param {string} host
   * @param {import('./authority.mjs').Authority} authority
   * @param {Record<string, string>} [environment]
   * @returns {Promise<Moim>}
   */
  static async startAt(lab, host, authority, environment = {}) {
    const certificate = { MOIM_TLS_CERTIFICATE: authority.certificate, MOIM_TLS_KEY: authority.key };
    const management = { MOIM_MANAGEMENT_ADDRESS: MANAGEMENT };
    const elsewhere = { prefix: lab.prefix(host), url: `https://${host}.test` };
    const moim = new Moim(443, { ...certificate, ...management, ...environment }, elsewhere);
    await moim.run();
    return moim;
  }

  /** Starts the process, again if it has ended, and waits until it answers. */
  async run() {
    const binary = /** @type {string} */ (process.env.MOIM_BIN);
    const listen = this.#isElsewhere ? [] : ['--listen', HOST];
    const flags = ['--port', `${this.port}`, ...listen, '--data-dir', this.#dataDir];
    const [program, ...words] = [...this.#prefix, binary, ...flags];
    const child = spawn(program, words, {
      env: { PATH: process.env.PATH, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (text) => (this.log += text));
    child.stderr.on('data', (text) => (this.log += text));
    child.on('error', (error) => (this.log += `cannot start: ${error.message}\n`));
    this.#process = child;
    await eventually(`${binary} answers on port ${this.port}`, () => {
      if (child.exitCode !== null) return true; // said below, with its log
      // What is in the lab cannot be asked from outside, but has told.
      return this.#isElsewhere ? this.log.includes('Stop with Ctrl-C') : this.isUp();
    });
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

  /**
   * What a server in the lab has counted: the sum of all values whose line holds these words.
   * @param {...string} words such as a metric's name, and labels as it writes them
   * @returns {Promise<number>}
   */
  async count(...words) {
    const [program, ...prefix] = [...this.#prefix, process.execPath];
    const ask = `fetch('http://${MANAGEMENT}/metrics').then((answer) => answer.text()).then(console.log)`;
    const { stdout } = await promisify(execFile)(program, [...prefix, '-e', ask]);
    const lines = stdout.split('\n').filter((line) => words.every((word) => line.includes(word)));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  get #isElsewhere() {
    return this.#prefix.length > 0;
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
   * @returns {Promise<number | NodeJS.Signals | null>} its exit status, or the signal that ended it
   */
  async ended() {
    const child = this.#process;
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) await within('moim ends', once(child, 'exit'));
    return child.exitCode ?? child.signalCode;
  }

  /** Ends it at once and removes what it kept. */
  async stop() {
    this.signal('SIGKILL');
    await this.ended();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }
}
