// The native client: the real binary, taking part in a room.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { eventually, within } from './wait.mjs';

/** @typedef {{ source: string, kind: string, frames: number, keyFrames: number, bytes: number }} NativeTrack */
/** @typedef {{ selected: boolean, localCandidate: string, remoteCandidate: string, relayProtocol: string | null }} NativePair */
/** @typedef {{ spedState: string | null, spedDatagramsReceived: number, snap: boolean }} NativeTransport */
/** @typedef {{ candidatePairs: NativePair[], transport: NativeTransport }} NativeStats */
/** @typedef {{ name: string, state: string, tracks: NativeTrack[], stats: NativeStats | null }} NativeOther */
/** @typedef {{ prefix: string[], ca: string }} Elsewhere the words before a program that make it run there, and whom it trusts */

export class Native {
  /** Where it records to. */
  folder = mkdtempSync(join(tmpdir(), 'moim-native-'));
  /** What it has said, as it said it. */
  /** @type {any[]} */
  lines = [];
  /** What it has complained about. */
  complaints = '';
  #process;

  /**
   * Joins a room, publishes the test picture and tone, and records what comes.
   * @param {string} name
   * @param {string} url of the server
   * @param {string} room
   * @param {string[]} [more] arguments
   * @param {Elsewhere} [elsewhere]
   */
  constructor(name, url, room, more = [], elsewhere) {
    this.name = name;
    const fixed = ['--publish', 'test', '--record', this.folder, '--stats', 'json'];
    const trust = elsewhere ? ['--ca', elsewhere.ca] : ['--insecure'];
    const binary = /** @type {string} */ (process.env.MOIM_BIN);
    const words = [binary, 'join', `${url}/r/${room}`, '--name', name, ...fixed, ...trust, ...more];
    const [program = binary, ...rest] = [...(elsewhere?.prefix ?? []), ...words];
    this.#process = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)));
    this.#process.stderr.on('data', (text) => (this.complaints += text));
  }

  /** Waits until it is in the room. */
  async isInRoom() {
    await eventually(`${this.name} is in the room`, () => this.lines.some(({ type }) => type === 'joined'));
  }

  /**
   * Waits until frames of somebody's track come.
   * @param {string} name
   * @param {'camera' | 'microphone'} source
   * @param {number} framesMin
   */
  async receives(name, source, framesMin) {
    await eventually(`${this.name} receives the ${source} of ${name}`, () => this.frames(name, source) >= framesMin);
  }

  /**
   * How many bytes of somebody's camera have come.
   * @param {string} name
   */
  bytes(name) {
    return this.#latest(name)?.tracks.find(({ source }) => source === 'camera')?.bytes ?? 0;
  }

  /**
   * How many frames of somebody's track have come.
   * @param {string} name
   * @param {'camera' | 'microphone'} source
   */
  frames(name, source) {
    return this.#latest(name)?.tracks.find((track) => track.source === source)?.frames ?? 0;
  }

  /**
   * The path that is in use to somebody.
   * @param {string} name
   * @returns {Promise<import('./probe.mjs').Path>}
   */
  async path(name) {
    const pair = await eventually(`${this.name} has a path to ${name}`, () =>
      this.#latest(name)?.stats?.candidatePairs.find(({ selected }) => selected),
    );
    const relayed = pair.relayProtocol === null ? {} : { relayProtocol: pair.relayProtocol };
    return { local: { ...end(pair.localCandidate), ...relayed }, remote: end(pair.remoteCandidate) };
  }

  /**
   * What it says of the transport to somebody.
   * @param {string} name
   */
  transport(name) {
    return this.#latest(name)?.stats?.transport;
  }

  /**
   * What it told last of somebody.
   * @param {string} name
   * @returns {NativeOther | undefined}
   */
  #latest(name) {
    const stats = this.lines.findLast(({ type }) => type === 'stats');
    return stats?.participants.find((/** @type {NativeOther} */ other) => other.name === name);
  }

  /**
   * Waits until somebody's line of chat comes, once.
   * @param {string} name
   * @param {string} text
   */
  async reads(name, text) {
    const isIt = (/** @type {any} */ line) => line.type === 'chat' && line.name === name && line.text === text;
    await eventually(`${this.name} reads "${text}"`, () => this.lines.some(isIt));
  }

  /**
   * Asks it to leave, and waits until it has.
   * @returns {Promise<number | null>} its exit code
   */
  async leave() {
    if (this.#process.exitCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await within(`${this.name} ends`, exit);
    }
    return this.#process.exitCode;
  }

  /**
   * Decodes everything that was recorded, by a decoder that other people wrote.
   * @returns {Promise<string[]>} the names of the files
   */
  async play() {
    const names = readdirSync(this.folder);
    for (const name of names) {
      // With the times that are in the file, rather than those of a frame rate that is guessed.
      const asTimed = ['-fps_mode', 'passthrough', '-enc_time_base', '-1'];
      const words = ['-v', 'error', '-xerror', '-i', join(this.folder, name), ...asTimed, '-f', 'null', '-'];
      const { stderr } = await promisify(execFile)('ffmpeg', words);
      if (stderr !== '') throw new Error(`ffmpeg complains about ${name}: ${stderr}`);
    }
    return names;
  }

  /** Ends it at once, and removes what it recorded. */
  async stop() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exit;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} candidate as descriptions write it (RFC 8839 §5.1)
 * @returns {import('./probe.mjs').End}
 */
function end(candidate) {
  const [, , protocol = '', , address = '', port, , type = ''] = candidate.split(' ');
  return { type, protocol, address, port: Number(port) };
}
