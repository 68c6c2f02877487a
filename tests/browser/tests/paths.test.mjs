// Which path a call takes through real NATs and firewalls, and that pictures and sound arrive by it.

import assert from 'node:assert/strict';
import { call } from '../harness/call.mjs';
import { expectedPath } from '../harness/expectation.mjs';
import { scenario } from '../harness/scenario.mjs';
import { eventually } from '../harness/wait.mjs';

const BROWSERS = /** @type {const} */ ([
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
]);

/** As many pairs as it takes for every kind of path to be found by each browser. */
const PAIRS = /** @type {const} */ ([
  ['hole punched between two cones', 'in-cone-a', 'in-cone-b', 'direct'],
  ['past a symmetric NAT to a host that filters by address', 'in-symm-a', 'in-addr-cone', 'direct'],
  ['between two hosts of one network', 'in-cone-a', 'in-cone-a2', 'lan'],
  ['by IPv6 between two stateful firewalls', 'in-v6-a', 'in-v6-b', 'direct'],
  ['relayed between two symmetric NATs', 'in-symm-a', 'in-symm-b', 'relayed'],
  ['relayed behind two NATs, one of a carrier', 'in-cgn', 'in-cone-a', 'relayed'],
  ['relayed where UDP is blocked', 'in-no-udp-a', 'in-cone-a', 'relayed'],
  ['relayed where only TCP port 443 is open', 'in-only443-a', 'in-only443-b', 'relayed'],
  ['relayed between IPv4 and IPv6', 'in-v6-a', 'in-cone-a', 'relayed'],
]);

for (const [index, [title, left, right, kind]] of PAIRS.entries()) {
  scenario(`path: ${title}`, async (scene) => {
    assert.equal(expectedPath(left, right), kind);
    // The browsers change places from pair to pair.
    const [one, other] = BROWSERS[index % 2] ?? BROWSERS[0];
    await call(scene, { in: one, at: left }, { in: other, at: right });
  });
}

for (const [left, right] of /** @type {const} */ ([
  ['udp', 'tls'],
  ['tcp', 'udp'],
  ['tls', 'tcp'],
])) {
  scenario(`path: relayed alone, Chromium by ${left} and Firefox by ${right}`, async (scene) => {
    const [anna, ben] = await call(
      scene,
      { in: 'chromium', at: 'in-dual', relayOnly: true, urls: URLS[left] },
      { in: 'firefox', at: 'public', relayOnly: true, urls: URLS[right] },
    );
    assert.equal((await anna.path()).local.relayProtocol, left);
    assert.equal((await ben.path()).local.relayProtocol, right);
  });
}

scenario(
  'path: Firefox is refused peers that are not the relay itself, and connects by those that are',
  async (scene) => {
    const { moim } = await scene.world();
    const refused = () => moim.count('moim_turn_requests_total', 'method="create_permission"', 'outcome="403"');
    const before = await refused();
    await call(scene, { in: 'firefox', at: 'in-symm-a' }, { in: 'firefox', at: 'in-symm-b' });
    await eventually('it asks for peers that the relay does not permit', async () => (await refused()) > before);
  },
);

for (const [kind, home, away] of /** @type {const} */ ([
  ['chromium', 'in-cone-a', 'in-cone-b'],
  ['firefox', 'in-cone-a', 'in-cone-b'],
  ['firefox', 'in-symm-a', 'in-symm-b'],
])) {
  scenario(`path: ${expectedPath(home, away)}, a call goes on after the address of ${kind} changes`, async (scene) => {
    const { lab } = await scene.world();
    const [anna, ben] = await call(scene, { in: kind, at: home }, { in: 'chromium', at: away });
    const changed = Date.now();
    await lab.change({ address: { of: home } });

    const noticed = await eventually('the old path is given up', async () => {
      const steps = [...(await anna.steps(changed)), ...(await ben.steps(changed))];
      return steps.find(({ code }) => code === 'iceDisconnected' || code === 'iceRestart');
    });
    await eventually('ICE restarts', async () => {
      const steps = [...(await anna.steps(changed)), ...(await ben.steps(changed))];
      return steps.some(({ code }) => code === 'iceRestart');
    });
    await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
    const seen = Date.now();
    console.log(`${kind}: noticed after ${noticed.time - changed} ms, pictures again ${seen - noticed.time} ms later`);
    const steps = [...(await anna.steps(changed)), ...(await ben.steps(changed))];
    assert.ok(!steps.some(({ code }) => code.startsWith('attempt')), 'it is still the same connection');
  });
}

/** The ICE servers of each transport. */
const URLS = { udp: 'transport=udp', tcp: '^turn:.*transport=tcp', tls: '^turns:' };
