// Which path two people can take to each other, by what lies between them (RFC 4787, RFC 8445).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { TOPOLOGY } from './lab.mjs';

/** @typedef {import('./lab.mjs').Lab} Lab */
/** @typedef {import('./probe.mjs').Path} Path */
/** @typedef {'lan' | 'direct' | 'relayed'} Kind `direct`: through NATs and firewalls, if there are any */

/**
 * @typedef {object} Gateway
 * @property {string} name
 * @property {string} [behind]
 * @property {'none' | 'fullCone' | 'addressRestricted' | 'portRestricted' | 'symmetric'} [nat]
 * @property {'open' | 'udpBlocked' | 'onlyTcp443'} [firewall]
 * @property {'dual' | 'ipv4' | 'ipv6'} [families]
 */

/** @type {{ gateways: Gateway[], hosts: { name: string, behind?: string }[] }} */
const topology = JSON.parse(readFileSync(TOPOLOGY, 'utf8'));

/** Every host that people can be at. */
export const HOSTS = topology.hosts.map(({ name }) => name).filter((name) => name !== 'server');

/**
 * The gateways between a host and the internet, the nearest first.
 * @param {string} host
 * @returns {Gateway[]}
 */
function gatewaysOf(host) {
  const gateways = [];
  let behind = topology.hosts.find(({ name }) => name === host)?.behind;
  while (behind !== undefined) {
    const gateway = topology.gateways.find(({ name }) => name === behind);
    if (!gateway) break;
    gateways.push(gateway);
    behind = gateway.behind;
  }
  return gateways;
}

/**
 * What is between a host and the internet, as far as paths depend on it.
 * @param {string} host
 */
function kindOf(host) {
  return JSON.stringify(gatewaysOf(host).map(({ nat, firewall, families }) => [nat, firewall, families]));
}

/** The first host of every kind. */
export const ROWS = HOSTS.filter((host, index) => HOSTS.findIndex((other) => kindOf(other) === kindOf(host)) === index);

/**
 * Hosts that a host calls to have called every kind, its own included, and one of its own network, where there are such.
 * @param {string} row
 */
export function columnsOf(row) {
  const ways = new Set();
  return HOSTS.filter((host) => {
    const way = `${kindOf(host)} ${expectedPath(row, host)}`;
    return host !== row && !ways.has(way) && ways.add(way);
  });
}

/**
 * Whether anything keeps UDP from a host.
 * @param {string} host
 */
function isWithoutUdp(host) {
  return gatewaysOf(host).some(({ firewall = 'open' }) => firewall !== 'open');
}

/**
 * @param {string} one
 * @param {string} other
 * @returns {Kind}
 */
export function expectedPath(one, other) {
  const [near, far] = [gatewaysOf(one), gatewaysOf(other)];
  if (near[0] !== undefined && near[0] === far[0]) return 'lan';
  if (isWithoutUdp(one) || isWithoutUdp(other)) return 'relayed';
  const has = (/** @type {Gateway[]} */ gateways, /** @type {'ipv4' | 'ipv6'} */ family) =>
    gateways.every(({ families = 'dual' }) => families === 'dual' || families === family);
  if (has(near, 'ipv6') && has(far, 'ipv6')) return 'direct';
  if (!has(near, 'ipv4') || !has(far, 'ipv4')) return 'relayed';
  return letsIn(near, far) || letsIn(far, near) ? 'direct' : 'relayed';
}

/**
 * The path between a native client and a browser. A native client also listens for TCP, which browsers connect to where no UDP gets out
 * (RFC 6544), if nothing is in between that would keep strangers out.
 * @param {string} native
 * @param {string} browser
 * @returns {Kind}
 */
export function expectedNativePath(native, browser) {
  const listens = gatewaysOf(native).length === 0;
  const connects = gatewaysOf(browser).every(({ firewall = 'open' }) => firewall !== 'onlyTcp443');
  return isWithoutUdp(browser) && listens && connects ? 'direct' : expectedPath(native, browser);
}

/**
 * Whether checks get in through `to` whose sender is behind `from`. Both sides send to where they think the other is:
 * behind a symmetric NAT, the other appears at a port that nobody knows.
 * @param {Gateway[]} from
 * @param {Gateway[]} to
 */
function letsIn(from, to) {
  const isUnpredictable = (/** @type {Gateway[]} */ gateways) => gateways.some(({ nat }) => nat === 'symmetric');
  if (isUnpredictable(to)) return false;
  if (!isUnpredictable(from)) return true;
  return to.every(({ nat }) => nat === 'fullCone' || nat === 'addressRestricted');
}

/**
 * Fails unless a path is of the kind expected.
 * @param {Lab} lab
 * @param {Path} path
 * @param {{ from: string, to: string, kind: Kind }} expected
 */
export function assertPath(lab, path, { from, to, kind }) {
  const seen = `from ${from} to ${to}: ${JSON.stringify(path)}`;
  switch (kind) {
    case 'relayed': {
      // The relay permits no peers but its own relayed addresses, and so both ends are such.
      assert.equal(path.local.type, 'relay', seen);
      // A check that overtakes the candidate it belongs to makes that one peer-reflexive (RFC 8445 §7.3.1.3), whose address
      // Chromium may hide.
      const isOvertaken = path.remote.type === 'prflx' && ['', path.local.address].includes(path.remote.address);
      assert.ok(isOvertaken || path.remote.type === 'relay', seen);
      break;
    }
    case 'lan':
      assert.notEqual(path.local.type, 'relay', seen);
      assert.ok(addressesOf(lab, to).includes(path.remote.address), seen);
      break;
    case 'direct': {
      assert.notEqual(path.local.type, 'relay', seen);
      const { name } = gatewaysOf(to).findLast(({ nat = 'none' }) => nat !== 'none') ?? { name: to };
      const known = [...addressesOf(lab, name), ...lab.node(to).ipv6];
      // Chromium does not tell addresses that it learnt from checks and not from the other side.
      const isHidden = path.remote.type === 'prflx' && path.remote.address === '';
      assert.ok(isHidden || known.includes(path.remote.address), seen);
      break;
    }
  }
}

/**
 * @param {Lab} lab
 * @param {string} name
 */
function addressesOf(lab, name) {
  const { ipv4, ipv6 } = lab.node(name);
  return [...ipv4, ...ipv6];
}
