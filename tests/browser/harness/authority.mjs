// A certification authority of the tests' own, and a certificate for the server in the lab: TURN over TLS takes none that
// a browser does not trust, and asks nobody whether to make an exception.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Authority {
  #dir = mkdtempSync(join(tmpdir(), 'moim-authority-'));
  /** Its own certificate, which browsers are to trust. */
  ca = join(this.#dir, 'ca.pem');
  /** The server's certificate. */
  certificate = join(this.#dir, 'server.pem');
  /** The server's key. */
  key = join(this.#dir, 'server.key');

  /** @param {string} name of the server */
  constructor(name) {
    const caKey = join(this.#dir, 'ca.key');
    const request = join(this.#dir, 'server.csr');
    const extensions = join(this.#dir, 'extensions');
    writeFileSync(extensions, `subjectAltName=DNS:${name}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n`);
    const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    openssl(`req -x509 ${newKey} -days 2 -subj /CN=moim-tests -keyout ${caKey} -out ${this.ca}
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign`);
    openssl(`req ${newKey} -subj /CN=${name} -keyout ${this.key} -out ${request}`);
    openssl(`x509 -req -in ${request} -CA ${this.ca} -CAkey ${caKey} -CAcreateserial -days 2 -extfile ${extensions}
      -out ${this.certificate}`);
  }

  /** Forgets everything. */
  remove() {
    rmSync(this.#dir, { recursive: true });
  }
}

/** @param {string} words */
function openssl(words) {
  execFileSync('openssl', words.split(/\s+/), { stdio: 'pipe' });
}
