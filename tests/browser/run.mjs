// Runs the browser tests in a network namespace of their own, in which whatever they start dies with them.
//
//   node run.mjs [NAME …]            all tests, or those whose name holds one of the words given
//   node run.mjs --matrix [NAME …]   calls between all pairs of hosts in the lab in their place
//
// MOIM_BIN names the server to test; MOIM_LAB the program that makes networks; MOIM_ARTIFACTS the folder for what
// failing tests leave behind.
//
// Why a namespace: Firefox takes no ICE candidate on 127.0.0.1, so that the server and the browsers need another
// address, and no test may meet the machine's own network, camera or microphone.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { HOST, HOST_V6 } from './harness/address.mjs';

const INSIDE = 'MOIM_TESTS_INSIDE_NAMESPACE';
const self = fileURLToPath(import.meta.url);
const words = process.argv.slice(2);
const [suite, filter] = words[0] === '--matrix' ? ['matrix.mjs', words.slice(1)] : ['suite.mjs', words];

if (process.env[INSIDE] === undefined) {
  for (const name of /** @type {const} */ (['MOIM_BIN', 'MOIM_LAB', 'MOIM_ARTIFACTS'])) {
    if (!process.env[name]) throw new Error(`${name} is not set; start the tests by: cargo xtask test browser`);
  }
  rmSync(/** @type {string} */ (process.env.MOIM_ARTIFACTS), { recursive: true, force: true });
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  // The process namespace ends every browser and server with this script, however either ends.
  const namespace = [...asRoot, '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const trial = spawnSync('unshare', [...namespace, 'true'], { encoding: 'utf8' });
  if (trial.status !== 0) {
    throw new Error(
      `cannot make a network namespace (${trial.stderr.trim() || trial.error?.message}). Start the tests as root, or let ` +
        'users make namespaces: sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0',
    );
  }
  // It is deaf to all other signals. Whatever it has started ends with it.
  follow(spawn('unshare', [...namespace, process.execPath, self, ...words], inherited({ [INSIDE]: '1' })), 'SIGKILL');
} else {
  layNetwork();
  hideDevices();
  makeRoomForLab();
  const path = fileURLToPath(new URL(suite, import.meta.url));
  follow(spawn(process.execPath, ['--test-reporter=spec', path, ...filter], inherited({ PULSE_SERVER: 'none' })));
}

/** One interface with an IPv4 and an IPv6 address, and default routes that lead nowhere. */
function layNetwork() {
  const ip = (/** @type {string} */ command) => execFileSync('ip', command.split(' '), { stdio: 'inherit' });
  ip('link set lo up');
  ip('link add moim0 type veth peer name moim1');
  ip(`addr add ${HOST}/24 dev moim0`);
  ip(`-6 addr add ${HOST_V6}/64 dev moim0 nodad`);
  ip('link set moim0 up');
  ip('link set moim1 up');
  // Browsers ask the routing table which address they would use; without a default route they have none.
  ip('route add default dev moim0');
  ip('-6 route add default dev moim0');
}

/** Puts nothing in the place of real cameras and sound cards, as seen from inside. */
function hideDevices() {
  const mount = (/** @type {string[]} */ ...words) => execFileSync('mount', words, { stdio: 'inherit' });
  for (const name of readdirSync('/dev').filter((name) => name.startsWith('video'))) {
    mount('--bind', '/dev/null', `/dev/${name}`);
  }
  if (existsSync('/dev/snd')) mount('-t', 'tmpfs', 'none', '/dev/snd');
}

/** Lets namespaces have names, hosts files and more without the machine noticing. */
function makeRoomForLab() {
  const mount = (/** @type {string} */ words) => execFileSync('mount', words.split(' '), { stdio: 'inherit' });
  mount('-t tmpfs moim-tests /run');
  const [changes, scratch] = ['/run/moim-tests/changes', '/run/moim-tests/scratch'];
  for (const dir of [changes, scratch]) mkdirSync(dir, { recursive: true });
  mount(`-t overlay moim-tests -o lowerdir=/etc,upperdir=${changes},workdir=${scratch} /etc`);
}

/** @param {Record<string, string>} more */
function inherited(more) {
  return { stdio: /** @type {const} */ ('inherit'), env: { ...process.env, ...more } };
}

/**
 * Ends as `child` ends, and passes on what should end it.
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} [end] what ends it, if not just that
 */
function follow(child, end) {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(end ?? signal));
  }
  child.on('error', (error) => {
    console.error(`cannot start the tests: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
}
