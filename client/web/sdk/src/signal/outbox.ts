import { SignalError } from '../errors.js';
import type { ClientMessage } from '../protocol.js';

/** Messages that may wait for the server's acknowledgement: fewer than it takes at once (docs/protocol.md), as all are sent again on resuming. */
export const UNACKED_MAX = 200;

interface Pending {
  readonly seq: number;
  readonly body: ClientMessage;
  readonly resolve: () => void;
  readonly reject: (error: SignalError) => void;
}

/** A message on its way. */
export interface Outgoing {
  /** Its sequence number. */
  readonly seq: number;
  /** What it says. */
  readonly body: ClientMessage;
}

/** The client's messages of one session from sending to acknowledgement; see "Frames" in docs/protocol.md. */
export class Outbox {
  #pending: Pending[] = [];
  #seq = 0;

  /** Numbers a message. `done` resolves once it took effect, and rejects when it was refused or its session is gone. */
  add(body: ClientMessage): { outgoing: Outgoing; done: Promise<void> } | SignalError {
    if (this.#pending.length >= UNACKED_MAX) {
      return new SignalError(
        'tooManyPending',
        `${UNACKED_MAX} messages wait for the server already, because it does not answer. Try again once it is back.`,
      );
    }
    this.#seq += 1;
    const seq = this.#seq;
    const done = new Promise<void>((resolve, reject) => {
      this.#pending.push({ seq, body, resolve, reject });
    });
    return { outgoing: { seq, body }, done };
  }

  /** The server has handled messages up to `ack`: those that were not refused took effect. */
  acknowledge(ack: number): void {
    const handled = this.#pending.filter(({ seq }) => seq <= ack);
    this.#pending = this.#pending.filter(({ seq }) => seq > ack);
    for (const { resolve } of handled) resolve();
  }

  /** The server has refused a message. */
  refuse(request: number, error: SignalError): void {
    const refused = this.#pending.find(({ seq }) => seq === request);
    this.#pending = this.#pending.filter((pending) => pending !== refused);
    refused?.reject(error);
  }

  /** What to send again after resuming. */
  get unacknowledged(): readonly Outgoing[] {
    return this.#pending.map(({ seq, body }) => ({ seq, body }));
  }

  /** A new session begins: what waited belongs to one that is gone. */
  reset(error: SignalError): void {
    const lost = this.#pending;
    this.#pending = [];
    this.#seq = 0;
    for (const { reject } of lost) reject(error);
  }
}
