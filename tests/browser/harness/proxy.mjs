// What lies between browsers and servers in real life: cables that are pulled, and proxies that know no WebSocket.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createSecureServer, request } from 'node:https';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST } from './address.mjs';

/** Passes TCP connections on, byte by byte, until it is cut. */
export class Cable {
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set();
  /** @type {import('node:net').Server} */
  #server;
  #port = 0;

  /** @param {number} target the port that it leads to */
  constructor(target) {
    this.#server = createServer((near) => {
      const far = connect(target, HOST);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  /**
   * @param {number} target
   * @returns {Promise<Cable>}
   */
  static async lay(target) {
    const cable = new Cable(target);
    await cable.mend();
    return cable;
  }

  /** Where a browser goes to reach the server through it. */
  get url() {
    return `https://${HOST}:${this.#port}`;
  }

  /** Breaks every connection, and refuses new ones. */
  async cut() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Takes connections again, at the same port. */
  async mend() {
    this.#server.listen(this.#port, HOST);
    await once(this.#server, 'listening');
    this.#port = /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** Ends it for good. */
  async stop() {
    if (this.#server.listening) await this.cut();
  }
}

/** Speaks HTTP/1.1 over TLS to both sides, and refuses to upgrade: an inspecting proxy of the old kind. */
export class PlainHttpProxy {
  /** @type {import('node:https').Server} */
  #server;
  /** How many upgrades it has refused. */
  refused = 0;

  /** @param {number} target the port that it leads to */
  constructor(target) {
    this.#server = createSecureServer(selfSigned(), (incoming, outgoing) => {
      const { method, url: path, headers } = incoming;
      const onward = request({ host: HOST, port: target, method, path, headers, rejectUnauthorized: false });
      onward.on('response', (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        outgoing.flushHeaders();
        response.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      incoming.pipe(onward);
    });
    this.#server.on('upgrade', (_request, socket) => {
      this.refused += 1;
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  }

  /**
   * @param {number} target
   * @returns {Promise<PlainHttpProxy>}
   */
  static async start(target) {
    const proxy = new PlainHttpProxy(target);
    proxy.#server.listen(0, HOST);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Where a browser goes to reach the server through it. */
  get url() {
    return `https://${HOST}:${/** @type {import('node:net').AddressInfo} */ (this.#server.address()).port}`;
  }

  /** Ends it. */
  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** @returns {{ key: Buffer, cert: Buffer }} for the tests' own address */
function selfSigned() {
  const dir = mkdtempSync(join(tmpdir(), 'moim-cert-'));
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const options = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=proxy
    -addext subjectAltName=IP:${HOST} -keyout ${key} -out ${cert}`;
  execFileSync('openssl', options.split(/\s+/), { stdio: 'pipe' });
  const made = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(dir, { recursive: true });
  return made;
}
