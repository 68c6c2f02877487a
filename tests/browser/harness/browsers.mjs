// Chromium and Firefox, with a camera and a microphone that need no person in front of them.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { chromium, firefox } from 'playwright-core';

/** @typedef {import('playwright-core').Browser} Browser */

const CHROMIUM_FLAGS = [
  '--headless=new',
  // The tests run as root of their namespace, where the sandbox cannot be set up; only our own pages are opened.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  // Nothing is asked of the network: there is none.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  // Eight pages share the screen; none of them is to be slowed down for being behind another.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // mDNS names need a responder.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

// Ten pictures a second prove as much as thirty: up to twelve are encoded and decoded at a time.
const FAKE_MEDIA = [
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream=display-media-type=browser,fps=10',
];

const DRAFTS = ['WebRTC-Sctp-Snap', 'WebRTC-IceHandshakeDtls'];

const FIREFOX_PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.navigator.video.default_fps': 10,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};

/** Where Debian puts them; other systems say so in the environment. */
const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr';

/** Where Firefox saves what it downloads: for Firefox, playwright-core does not tell when or as what. */
export const FIREFOX_DOWNLOADS = mkdtempSync(join(tmpdir(), 'moim-downloads-'));

/** @type {Map<string, Promise<Browser>>} */
const running = new Map();

/**
 * The kinds of browser there are. Each is started when it is first asked for and shared by all tests; everybody gets a
 * profile of their own in it.
 */
const KINDS = {
  chromium: () => launchChromium(FAKE_MEDIA),
  /** Asks for permission, and nobody is there to give it. */
  chromiumWithoutPermission: () => launchChromium(['--use-fake-device-for-media-stream', '--deny-permission-prompts']),
  /** A machine with neither camera nor microphone. */
  chromiumWithoutDevices: () => launchChromium(['--use-fake-ui-for-media-stream']),
  /** Does what Chromium tries out: the SCTP INIT in descriptions (SNAP), DTLS within ICE's checks (SPED). */
  chromiumWithDrafts: () => launchChromium([...FAKE_MEDIA, `--force-fieldtrials=${DRAFTS.join('/Enabled/')}/Enabled/`]),
  firefox: () => firefox.launch(firefoxOptions()),
};

/** @typedef {keyof typeof KINDS} BrowserKind */

/**
 * The shared browser of a kind.
 * @param {BrowserKind} kind
 * @returns {Promise<Browser>}
 */
export function browser(kind) {
  let found = running.get(kind);
  if (!found) {
    found = KINDS[kind]();
    running.set(kind, found);
  }
  return found;
}

/**
 * A Chromium that can be killed without harm to other tests.
 * @returns {Promise<{ browser: Browser, kill: () => void }>}
 */
export async function mortalChromium() {
  const server = await chromium.launchServer({ ...chromiumOptions(FAKE_MEDIA), host: '127.0.0.1' });
  const connected = await chromium.connect(server.wsEndpoint());
  const { pid } = server.process();
  if (pid === undefined) throw new Error('the browser did not start');
  // The whole group at once: pages that outlive their browser for a moment would still say goodbye.
  return { browser: connected, kill: () => void process.kill(-pid, 'SIGKILL') };
}

/**
 * A browser on a host of the lab that trusts an authority, for one test alone.
 * @param {'chromium' | 'firefox'} kind
 * @param {import('./lab.mjs').Lab} lab
 * @param {string} host
 * @param {string} ca the authority's certificate, a file
 * @returns {Promise<{ browser: Browser, close: () => Promise<void> }>}
 */
export async function browserAt(kind, lab, host, ca) {
  const dir = mkdtempSync(join(tmpdir(), 'moim-browser-'));
  const { launch, cleanUp } = await LAUNCHERS[kind](lab, host, ca, dir);
  const close = async () => {
    cleanUp();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const launched = await launch();
    return {
      browser: launched,
      close: async () => {
        await launched.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @type {{ key: string, close: () => Promise<void>, browser: Browser } | undefined} */
let kept;

/**
 * A browser on a host of the lab, as {@link browserAt} makes it, which stays until one of another kind or at another host is asked for.
 * @param {Parameters<typeof browserAt>} where
 * @returns {Promise<Browser>}
 */
export async function keptBrowserAt(...where) {
  const [kind, , host] = where;
  const key = `${kind} ${host}`;
  if (kept?.key !== key || !kept.browser.isConnected()) {
    await closeKept();
    kept = { key, ...(await browserAt(...where)) };
  }
  return kept.browser;
}

/** Ends the browser that was kept, so that the next test has a new one. */
export async function closeKept() {
  const closing = kept;
  kept = undefined;
  await closing?.close();
}

/**
 * @typedef {object} Launcher
 * @property {() => Promise<Browser>} launch
 * @property {() => void} cleanUp
 */

/** @type {Record<'chromium' | 'firefox', (lab: import('./lab.mjs').Lab, host: string, ca: string, dir: string) => Promise<Launcher>>} */
const LAUNCHERS = {
  /** Told what to do by a pipe, which crosses namespaces. Trusts what its user's own store says. */
  async chromium(lab, host, ca, dir) {
    const store = join(dir, '.pki', 'nssdb');
    mkdirSync(store, { recursive: true });
    execFileSync('sh', ['-c', trust(store, ca)], { stdio: 'pipe' });
    const executablePath = script(dir, `HOME=${dir} exec ${lab.prefix(host).join(' ')} ${CHROMIUM} "$@"`);
    return {
      launch: () => chromium.launch({ ...chromiumOptions(FAKE_MEDIA), executablePath }),
      cleanUp: () => {},
    };
  },

  /**
   * Told what to do by a WebSocket on its own loopback, to which a way is made. The profile, in which it keeps whom it
   * trusts, is there only once it is started.
   */
  async firefox(lab, host, ca, dir) {
    const port = nextPort++;
    const stopForwarding = await lab.forward(host, port);
    const executablePath = script(
      dir,
      `
last=
for word do
  shift
  [ "$word" = --remote-debugging-port=0 ] && word=--remote-debugging-port=${port}
  [ "$last" = --profile ] && profile=$word
  last=$word
  set -- "$@" "$word"
done
${trust('$profile', ca)}
HOME=${dir} exec ${lab.prefix(host).join(' ')} ${FIREFOX} "$@"`,
    );
    return {
      launch: () => firefox.launch({ ...firefoxOptions(), executablePath }),
      cleanUp: stopForwarding,
    };
  },
};

/** Ports by which tests tell a Firefox in the lab what to do. */
let nextPort = 20_000;

/**
 * The commands of a shell that let a certificate store trust an authority.
 * @param {string} store
 * @param {string} ca
 */
function trust(store, ca) {
  return `certutil -N -d "sql:${store}" --empty-password && certutil -A -d "sql:${store}" -n moim-tests -t C,, -i ${ca}`;
}

/**
 * @param {string} dir
 * @param {string} body of a shell script
 * @returns {string} its path
 */
function script(dir, body) {
  const path = join(dir, 'browser');
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Ends every shared browser. */
export async function closeBrowsers() {
  await closeKept().catch(() => {});
  const all = [...running.values()];
  running.clear();
  await Promise.allSettled(all.map(async (starting) => (await starting).close()));
  rmSync(FIREFOX_DOWNLOADS, { recursive: true, force: true });
}

/** @param {string[]} media */
function launchChromium(media) {
  return chromium.launch(chromiumOptions(media));
}

function firefoxOptions() {
  return {
    executablePath: FIREFOX,
    channel: 'moz-firefox',
    headless: true,
    downloadsPath: FIREFOX_DOWNLOADS,
    firefoxUserPrefs: FIREFOX_PREFERENCES,
  };
}

/** @param {string[]} media */
function chromiumOptions(media) {
  return {
    executablePath: CHROMIUM,
    headless: true,
    args: [...CHROMIUM_FLAGS, ...media],
    ignoreDefaultArgs: ['--mute-audio'],
  };
}
