import type { Transport } from '../../src/options.js';
import type { ClientFrame, Hello, ServerFrame, ServerMessage } from '../../src/protocol.js';
import type { Link, LinkHandlers, OpenLink } from '../../src/signal/link.js';

/** One link as the server sees it. */
export interface FakeLink {
  readonly transport: Transport;
  readonly hello: Hello;
  readonly frames: ClientFrame[];
  /** Whether the client has closed it. */
  closed: boolean;
  send(frame: ServerFrame): void;
  /** Breaks it, as a network would. */
  break(): void;
}

/** Links that end in memory. Nothing happens on them by itself. */
export class FakeServer {
  readonly links: FakeLink[] = [];

  readonly openers: Record<Transport, OpenLink> = {
    websocket: (_base, hello, handlers) => this.#open('websocket', hello, handlers),
    events: (_base, hello, handlers) => this.#open('events', hello, handlers),
  };

  /** The newest link. */
  get link(): FakeLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('no link was opened');
    return link;
  }

  /** Answers the newest link's hello. */
  welcome(change: Partial<Extract<ServerFrame, { type: 'welcome' }>> = {}): void {
    this.link.send({
      type: 'welcome',
      session: 's1',
      secret: 'x1',
      resumed: false,
      ack: 0,
      heartbeatMs: 10_000,
      resumeWindowMs: 30_000,
      open: true,
      limits: { frameLenMax: 65_536, nameLenMax: 64, metadataLenMax: 4_096, chatLenMax: 8_192, tracksMax: 8 },
      ...change,
    });
  }

  /** Sends a message of the session over the newest link. */
  message(seq: number, ack: number, body: ServerMessage = { type: 'draining', graceMs: seq }): void {
    this.link.send({ type: 'message', seq, ack, body });
  }

  #open(transport: Transport, hello: Hello, handlers: LinkHandlers): Link {
    const link: FakeLink = {
      transport,
      hello,
      frames: [],
      closed: false,
      send: (frame) => {
        if (!link.closed) handlers.onframe(frame);
      },
      break: () => {
        if (!link.closed) handlers.onclose('broken');
      },
    };
    this.links.push(link);
    return {
      transport,
      send: (frame) => link.frames.push(structuredClone(frame)),
      sendLast: (frames) => link.frames.push(...structuredClone([...frames])),
      close: () => {
        link.closed = true;
      },
    };
  }
}
