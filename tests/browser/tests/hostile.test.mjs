// Strangers send whatever they like while a call goes on. The server answers each as its specification says, and the
// people in the call notice nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { scenario } from '../harness/scenario.mjs';
import { forgedToken, KEYS, token } from '../harness/token.mjs';
import { within } from '../harness/wait.mjs';
import { askStun, sendTcp, sendUdp, WireClient } from '../harness/wire.mjs';

/** What a binding response begins with (RFC 8489 §6). */
const STUN_BINDING_SUCCESS = 0x0101;
/** What one session may send at once. */
const BURST_MESSAGES = 250;
/** Ten times the burst that one session may send (docs/protocol.md, "Limits and errors"), and some more. */
const FLOOD_MESSAGES = 5_000;

/** @type {{ [what: string]: (port: number, room: string) => Promise<void> }} */
const ATTACKS = {
  async 'a frame that is no JSON'(port) {
    const client = await WireClient.greet(port);
    client.socket.send('{"type":');
    assert.equal((await client.next('rejected')).code, 'malformed');
    client.stop();
  },
  async 'a frame of an unknown type'(port) {
    const client = await WireClient.greet(port);
    client.send({ type: 'dance', ack: 0 });
    assert.equal((await client.next('rejected')).code, 'unknownType');
    client.stop();
  },
  async 'a message of an unknown type'(port) {
    const client = await WireClient.greet(port);
    client.send({ type: 'message', seq: 1, ack: 0, body: { type: 'dance' } });
    assert.equal((await nextError(client)).code, 'unknownType');
    client.stop();
  },
  async 'bad frames until the server has enough'(port) {
    const client = await WireClient.greet(port);
    for (let count = 0; count < 30; count += 1) client.socket.send('nonsense');
    assert.equal((await client.next('close')).code, 'protocolError');
    await client.closed();
  },
  async 'a frame far too long'(port) {
    const client = await WireClient.greet(port);
    client.socket.send('x'.repeat(1024 * 1024));
    assert.equal((await client.next('rejected')).code, 'tooLarge');
    await client.closed();
  },
  async 'binary frames'(port) {
    const client = await WireClient.greet(port);
    await client.next('welcome');
    client.socket.send(randomBytes(100));
    await client.next(['rejected', 'close']);
    client.stop();
  },
  async 'another first frame than hello'(port) {
    const client = await WireClient.open(port);
    client.send({ type: 'ping', ack: 0 });
    assert.equal((await client.next('close')).code, 'badHello');
    await client.closed();
  },
  async 'a version of the protocol that nobody speaks'(port) {
    const client = await WireClient.open(port);
    client.send({ type: 'hello', version: 999 });
    assert.equal((await client.next('close')).code, 'unsupportedVersion');
    await client.closed();
  },
  async 'a session that it does not own'(port) {
    const client = await WireClient.open(port);
    const welcomed = await WireClient.greet(port);
    const { session } = await welcomed.next('welcome');
    client.send({ type: 'hello', version: 1, resume: { session, secret: 'x'.repeat(32), ack: 0 } });
    assert.notEqual((await client.next(['welcome', 'close'])).resumed, true);
    client.stop();
    welcomed.stop();
  },
  async 'messages for people in another room'(port, room) {
    const client = await WireClient.greet(port);
    client.send({ type: 'message', seq: 1, ack: 0, body: { type: 'join', room: `${room}-other`, name: 'Mallory' } });
    await client.next('message', ({ body }) => typeOf(body) === 'joined');
    client.send({ type: 'message', seq: 2, ack: 1, body: { type: 'chat', id: 'c1', to: 'somebody', text: 'hi' } });
    assert.equal((await nextError(client)).code, 'unknownParticipant');
    client.stop();
  },
  async 'a flood of messages, each answer read and acknowledged'(port, room) {
    const client = await WireClient.greet(port);
    client.send({ type: 'message', seq: 1, ack: 0, body: { type: 'join', room: `${room}-flood`, name: 'Mallory' } });
    await client.next('message', ({ body }) => typeOf(body) === 'joined');
    for (let seq = 2; seq < FLOOD_MESSAGES; seq += 1) {
      const body = { type: 'chat', id: `c${seq}`, text: 'flood' };
      client.send({ type: 'message', seq, ack: client.received, body });
      if (seq <= BURST_MESSAGES || seq % 100 !== 0) continue;
      const answer = await client.next(
        ['message', 'close'],
        (frame) => frame.type === 'close' || isRefused(frame, seq),
      );
      if (answer.type === 'message') continue;
      assert.equal(answer.code, 'flood');
      return client.closed();
    }
    assert.fail('the flood was let through');
  },
  async 'more messages than it reads answers to'(port, room) {
    const client = await WireClient.greet(port);
    client.send({ type: 'message', seq: 1, ack: 0, body: { type: 'join', room: `${room}-deaf`, name: 'Mallory' } });
    await client.next('message', ({ body }) => typeOf(body) === 'joined');
    for (let seq = 2; seq < FLOOD_MESSAGES; seq += 1) {
      client.send({ type: 'message', seq, ack: 1, body: { type: 'chat', id: `c${seq}`, text: 'flood' } });
    }
    assert.match(String((await client.next('close')).code), /^(slowConsumer|flood)$/);
    await client.closed();
  },
  async 'garbage on the TCP port'(port) {
    await sendTcp(port, randomBytes(10_000));
    await sendTcp(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    // A TLS record that announces a ClientHello, with nothing of one in it.
    await sendTcp(port, Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), randomBytes(600)]));
  },
  async 'garbage on the UDP port'(port) {
    const empty = Buffer.alloc(0);
    const noise = Array.from({ length: 200 }, (_, index) => randomBytes(1 + ((index * 37) % 1400)));
    const stunLike = noise.map((bytes) => Buffer.concat([Buffer.from('000100082112a442', 'hex'), bytes]));
    await sendUdp(port, [empty, ...noise, ...stunLike]);
    assert.equal(await askStun(port), STUN_BINDING_SUCCESS);
  },
};

scenario('hostile: bad input during a call is answered, and the call notices nothing', async (scene) => {
  const moim = await scene.moim();
  const anna = await scene.person('Anna');
  const ben = await scene.person('Ben');
  await anna.join(moim.url, scene.room);
  await ben.join(moim.url, scene.room);
  await Promise.all([anna.sees('Ben'), ben.sees('Anna')]);
  const ids = [await anna.id(), await ben.id()];

  for (const [what, attack] of Object.entries(ATTACKS)) {
    await attack(moim.port, scene.room).catch((error) => {
      throw new Error(`${what}: ${error.message}`, { cause: error });
    });
  }

  await Promise.all([anna.sees('Ben'), ben.sees('Anna'), anna.hears('Ben'), ben.hears('Anna')]);
  assert.deepEqual([await anna.id(), await ben.id()], ids, 'the sessions went on');
  // On a busy machine, a heartbeat may be late; then the link is made anew.
  await anna.page.getByTestId('banner').waitFor({ state: 'hidden' });
  assert.equal(await anna.page.getByRole('alert').count(), 0, 'no error was shown');
  for (const person of [anna, ben]) {
    const others = await person.page.evaluate(() => window.__moim?.room.remoteParticipants.size);
    assert.equal(others, 1, `nobody else came to ${person.name}`);
  }
});

scenario('hostile: only a good token opens a session on a server with keys', async (scene) => {
  const { port } = await scene.ownMoim(KEYS);
  const past = Math.floor(Date.now() / 1000) - 3600;
  const unsigned = `${token({ room: scene.room }).split('.').slice(0, 2).join('.')}.`;
  /** @type {[string | undefined, string][]} */
  const refused = [
    [undefined, 'tokenMissing'],
    ['not a token', 'tokenInvalid'],
    [unsigned, 'tokenInvalid'],
    [forgedToken({ room: scene.room }), 'tokenInvalid'],
    [token({ room: scene.room, exp: past }), 'tokenExpired'],
  ];
  for (const [given, code] of refused) {
    const client = await WireClient.greet(port, given === undefined ? {} : { token: given });
    assert.equal((await client.next('close')).code, code);
    await client.closed();
  }
  const client = await WireClient.greet(port, { token: token({ room: scene.room }) });
  await client.next('welcome');
  client.send({ type: 'message', seq: 1, ack: 0, body: { type: 'join', room: 'elsewhere', name: 'Eve' } });
  assert.equal((await nextError(client)).code, 'wrongRoom');
  client.send({ type: 'message', seq: 2, ack: 0, body: { type: 'join', room: scene.room, name: 'Eve' } });
  await client.next('message', ({ body }) => typeOf(body) === 'joined');
  client.stop();
});

scenario('hostile: a page of another origin opens no link', async (scene) => {
  const { port } = await scene.moim();
  const { WebSocket } = await import('ws');
  const { HOST } = await import('../harness/address.mjs');
  const origin = 'https://elsewhere.example';
  const socket = new WebSocket(`wss://${HOST}:${port}/signal/v1/ws`, { rejectUnauthorized: false, origin });
  const [, response] = await within('the link is refused', once(socket, 'unexpected-response'));
  assert.equal(response.statusCode, 403);
  socket.on('error', () => {});
  socket.terminate();
});

/**
 * The next message that is an error.
 * @param {WireClient} client
 */
async function nextError(client) {
  const frame = await client.next('message', ({ body }) => typeOf(body) === 'error');
  return /** @type {{ code: string }} */ (frame.body);
}

/**
 * Whether a frame refuses one of the newest messages up to `seq` for coming too fast.
 * @param {import('../harness/wire.mjs').Frame} frame
 * @param {number} seq
 */
function isRefused({ body }, seq) {
  const { type, request, code } = /** @type {Record<string, unknown>} */ (body);
  return type === 'error' && code === 'rateLimited' && Number(request) > seq - 50;
}

/** @param {unknown} body */
function typeOf(body) {
  return /** @type {{ type?: string }} */ (body)?.type;
}
