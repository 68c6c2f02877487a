import type {
  ClientFrame,
  ClientMessage,
  ParticipantDescription,
  RoomDescription,
  ServerFrame,
  ServerMessage,
  TrackDescription,
} from '../src/protocol.js';

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly frames: ClientFrame[] = [];
  /** Acknowledges nothing more: messages of the client have not come yet. */
  deaf = false;
  #seq = 0;
  #ack = 0;

  constructor() {
    FakeSocket.all.push(this);
    setTimeout(() => this.onopen?.(), 0);
  }

  static get last(): FakeSocket {
    return FakeSocket.all.at(-1) as FakeSocket;
  }

  /** What the client asked for, in order. */
  get messages(): ClientMessage[] {
    return this.frames.flatMap((frame) => (frame.type === 'message' ? [frame.body] : []));
  }

  send(text: string): void {
    this.frames.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  frame(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  welcome(session: string): void {
    const limits = { frameLenMax: 65_536, nameLenMax: 64, metadataLenMax: 4_096, chatLenMax: 8_192, tracksMax: 8 };
    const times = { heartbeatMs: 1e6, resumeWindowMs: 30_000 };
    this.frame({ type: 'welcome', session, secret: 'x', resumed: false, ack: 0, open: true, limits, ...times });
  }

  message(body: ServerMessage): void {
    this.#seq += 1;
    if (!this.deaf) this.#ack = this.frames.filter(({ type }) => type === 'message').length;
    this.frame({ type: 'message', seq: this.#seq, ack: this.#ack, body });
  }

  joined(id: string, name: string, others: string[] = [], room: Partial<RoomDescription> = {}): void {
    this.message({
      type: 'joined',
      room: { name: 'tea', topology: 'mesh', topologyReason: 'few', participantsMax: 4, ...room },
      participant: describe(id, name),
      participants: others.map((other) => describe(other, other)),
      iceServers: [],
    });
  }
}

/** Somebody, as the server describes them. */
export function describe(id: string, name: string, tracks: TrackDescription[] = []): ParticipantDescription {
  const permissions = { publish: true, subscribe: true, data: true, admin: false };
  return { id, name, permissions, tracks, link: 'connected' };
}
