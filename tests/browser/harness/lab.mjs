// A network with real NATs (tests/lab), held for as long as tests run in it.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { within } from './wait.mjs';

/**
 * @typedef {object} Node a host or a gateway
 * @property {string} namespace
 * @property {string[]} ipv4
 * @property {string[]} ipv6
 */

/** The network of all tests about paths. */
export const TOPOLOGY = fileURLToPath(new URL('../../lab/topologies/calls.json', import.meta.url));

export class Lab {
  #holder;
  #run = '';
  /** @type {Record<string, Node>} */
  #nodes = {};

  /** @param {import('node:child_process').ChildProcess} holder */
  constructor(holder) {
    this.#holder = holder;
  }

  /**
   * Makes the network of all tests about paths.
   * @returns {Promise<Lab>}
   */
  static async up() {
    const holder = spawn(command(), ['up', TOPOLOGY], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lab = new Lab(holder);
    lab.#take(await firstLine('the lab is up', holder));
    return lab;
  }

  /**
   * A host or a gateway, as it is at present.
   * @param {string} name
   * @returns {Node}
   */
  node(name) {
    const node = this.#nodes[name];
    if (!node) throw new Error(`there is no ${name} in the lab`);
    return node;
  }

  /**
   * The words before a program that make it run on a host.
   * @param {string} host
   * @returns {[string, ...string[]]}
   */
  prefix(host) {
    return ['ip', 'netns', 'exec', this.node(host).namespace];
  }

  /**
   * Makes something happen to the network.
   * @param {object} change as `lab change` takes it
   */
  async change(change) {
    const { stdout } = await promisify(execFile)(command(), ['change', this.#run, JSON.stringify(change)]);
    this.#take(stdout);
  }

  /**
   * Lets connections to a port of this machine's loopback reach the same port of a host's loopback.
   * @param {string} host
   * @param {number} port
   * @returns {Promise<() => void>} how to stop
   */
  async forward(host, port) {
    const child = spawn(command(), ['forward', this.#run, host, `${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    await firstLine(`port ${port} of ${host} is reached`, child);
    return () => void child.kill();
  }

  /** Takes it down. */
  async stop() {
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await within('the lab is taken down', ended);
  }

  /** @param {string} line */
  #take(line) {
    const { run, nodes } = JSON.parse(line);
    this.#run = run;
    this.#nodes = nodes;
  }
}

/**
 * @param {string} what
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<string>}
 */
async function firstLine(what, child) {
  const lines = createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) });
  const [line] = await within(what, Promise.race([once(lines, 'line'), once(lines, 'close')]));
  if (line === undefined) throw new Error(`${what}: it ended instead`);
  return line;
}

/** @returns {string} the `lab` program */
function command() {
  const path = process.env.MOIM_LAB;
  if (!path) throw new Error('MOIM_LAB is not set; start the tests by: cargo xtask test browser');
  return path;
}
