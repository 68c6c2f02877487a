// Tokens as an application's own server makes them (docs/protocol.md, "Tokens"), good and bad.

import { createHmac } from 'node:crypto';

const KEY = 'tests';
const SECRET = 'a secret that only this test and its server know';

/** The configuration of a server that takes them. */
export const KEYS = { MOIM_AUTH_KEYS: `${KEY}=${SECRET}` };

/** @typedef {{ room: string, sub?: string, exp?: number, admin?: boolean, name?: string }} Claims */

/**
 * A token that the server takes, unless its claims say otherwise.
 * @param {Claims} claims
 */
export function token(claims) {
  return sign(claims, SECRET);
}

/**
 * A token signed by somebody who does not know the secret.
 * @param {Claims} claims
 */
export function forgedToken(claims) {
  return sign(claims, 'a secret that somebody has made up by themselves');
}

/**
 * @param {Claims} claims
 * @param {string} secret
 */
function sign(claims, secret) {
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  const parts = [
    { alg: 'HS256', typ: 'JWT' },
    { iss: KEY, exp: inAnHour, ...claims },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
