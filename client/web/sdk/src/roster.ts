/** The other participants of a room and the connections to them. */
import { ConnectionError } from './errors.js';
import { FileChannel } from './files/fileChannel.js';
import { FILE_LEN_MAX, NAME_LEN_MAX, safeName } from './files/fileProtocol.js';
import { SentFile } from './files/outgoingFile.js';
import type { FileTransfer, IncomingFile, OutgoingFile } from './files/types.js';
import { randomId } from './ids.js';
import { silentLogger } from './options.js';
import type { LocalParticipant } from './participants/localParticipant.js';
import { RemoteParticipant } from './participants/remoteParticipant.js';
import type { ControlMessage, DataMessage } from './peer/channelProtocol.js';
import { assertDataFits } from './peer/channels.js';
import { isPolite } from './peer/negotiation.js';
import { PathWatch } from './peer/pathWatch.js';
import { Peer, type PeerMessage } from './peer/peer.js';
import type { PeerConnection } from './peer/peerConnection.js';
import { Transceivers } from './peer/transceivers.js';
import type { ClientMessage, LeaveReason, ParticipantDescription, ParticipantId } from './protocol.js';
import { type RoomContext, sendAboutConnection } from './roomContext.js';

/** Frames of one participant that were no messages and are noted; more of them say nothing new. */
const DROPPED_NOTED_MAX = 10;

/** What the roster needs of its room. */
export interface RosterContext extends RoomContext {
  readonly localParticipant: LocalParticipant;
  /** For every connection. */
  readonly configuration: RTCConfiguration;
  /** Whether media is to go directly. */
  readonly meshed: boolean;
  /** Asks whether the server can still be reached. */
  checkLink(): void;
  /** A control message came by data channel. */
  handleControl(from: RemoteParticipant, message: ControlMessage): void;
}

interface Entry {
  readonly participant: RemoteParticipant;
  /** Whether this side joined later, and so makes the connection. */
  readonly begins: boolean;
  /** None where media goes by the server. */
  peer: Peer<Transceivers> | undefined;
  files: FileChannel | undefined;
}

/** The other participants and the connections to them. */
export class Roster {
  /** The other participants, in the order they came. */
  readonly participants = new Map<ParticipantId, RemoteParticipant>();
  readonly #context: RosterContext;
  readonly #entries = new Map<ParticipantId, Entry>();

  /** Makes an empty one. */
  constructor(context: RosterContext) {
    this.#context = context;
  }

  /** Somebody is there. `begins`: they were there before, so this side makes the connection. */
  add(description: ParticipantDescription, begins: boolean): void {
    if (this.#entries.has(description.id)) return this.update(description);
    const participant = new RemoteParticipant({ ...description, tracks: [] }, this.#context);
    const entry: Entry = { participant, begins, peer: undefined, files: undefined };
    participant.connection.onquality = () => participant.notifyUpdated();
    participant.prefer(this.#context.meshed ? 'mesh' : 'sfu');
    this.#entries.set(participant.id, entry);
    this.participants.set(participant.id, participant);
    this.#context.emit('participantConnected', participant);
    participant.update(description);
    if (this.#context.meshed) this.#connect(entry);
  }

  /** Connects directly to everybody to whom there is no such connection. */
  connect(): void {
    for (const entry of this.#entries.values()) {
      if (entry.peer === undefined) this.#connect(entry);
    }
  }

  /** Ends all direct connections: media comes by the server. */
  disconnect(): void {
    for (const entry of this.#entries.values()) {
      this.#release(entry);
      entry.participant.connection.rest();
      entry.participant.drop('mesh');
    }
  }

  /** Somebody is described anew. */
  update(description: ParticipantDescription): void {
    const entry = this.#entries.get(description.id);
    entry?.participant.update(description);
    // Permissions may have changed, and with them what may be sent to them.
    entry?.peer?.syncMedia();
  }

  /** Somebody is gone. */
  remove(id: ParticipantId, reason: LeaveReason): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.participants.delete(id);
    this.#release(entry);
    entry.participant.close();
    this.#context.emit('participantDisconnected', entry.participant, reason);
  }

  /** Everybody is gone. */
  clear(reason: LeaveReason): void {
    for (const id of [...this.#entries.keys()]) this.remove(id, reason);
  }

  /** Takes a message about a connection. Those of somebody unknown, who has just left, are passed over. */
  handle(message: PeerMessage): void {
    this.#entries.get(message.from)?.peer?.handle(message);
  }

  /** Sends to everybody what is to be sent now. */
  syncMedia(): void {
    for (const { peer } of this.#entries.values()) peer?.syncMedia();
  }

  /** Connections are to use another configuration. */
  configure(): void {
    for (const { peer } of this.#entries.values()) peer?.configure();
  }

  /** The network may have changed, or the server is back. */
  check(networkChanged: boolean): void {
    for (const { peer } of this.#entries.values()) peer?.check(networkChanged);
  }

  /** The connections that carry media now. */
  get connections(): PeerConnection<Transceivers>[] {
    return [...this.#entries.values()].flatMap(({ peer }) =>
      peer?.connection?.state === 'connected' ? [peer.connection] : [],
    );
  }

  /** Sends a control message. Returns whether there was a way. */
  sendControl(to: ParticipantId, message: ControlMessage): boolean {
    const connection = this.#entries.get(to)?.peer?.connection;
    return connection?.state === 'connected' && connection.channels.sendControl(message);
  }

  /** Sends bytes to everybody, or to some. Throws {@link ConnectionError} after sending to all that can be reached. */
  sendData(payload: Uint8Array, options: { reliable?: boolean; topic?: string; to?: ParticipantId[] }): void {
    assertDataFits(payload, options.topic);
    const { reliable = true, topic } = options;
    const missed: string[] = [];
    const full: string[] = [];
    for (const id of options.to ?? [...this.#entries.keys()]) {
      const entry = this.#entries.get(id);
      const channels = entry?.peer?.connection?.channels;
      const name = entry?.participant.name ?? id;
      if (!channels?.open) missed.push(name);
      else if (!channels.sendData(payload, topic, reliable)) full.push(name);
    }
    if (missed.length > 0) {
      const text = `The data did not reach ${missed.join(', ')}, as there is no connection to them now. Send it again later.`;
      throw new ConnectionError('notReachable', text);
    }
    if (full.length > 0) {
      const text = `The data did not reach ${full.join(', ')}, as too much waits to be sent to them already. Send less, or slower.`;
      throw new ConnectionError('channelFull', text);
    }
  }

  /** Offers a file to everybody, or to some. Throws {@link ConnectionError} if nobody can be reached. */
  sendFile(file: Blob & { name?: string }, to: ParticipantId[] | undefined): OutgoingFile {
    const name = safeName((file.name ?? '').slice(0, NAME_LEN_MAX));
    if (file.size > FILE_LEN_MAX) {
      throw new ConnectionError('fileTooLong', `"${name}" is longer than ${FILE_LEN_MAX / 2 ** 30} GiB. Cut it up.`);
    }
    const id = randomId();
    const transfers = new Map<ParticipantId, FileTransfer>();
    let failure: unknown;
    for (const recipient of to ?? [...this.#entries.keys()]) {
      const { files } = this.#entries.get(recipient) ?? {};
      try {
        if (files?.open) transfers.set(recipient, files.offer(id, name, file));
      } catch (error) {
        // Somebody who leaves offers unanswered must not keep files from the others.
        failure = error;
      }
    }
    if (transfers.size === 0) {
      if (failure !== undefined) throw failure;
      const text = `"${name}" was not offered, as there is no connection to anybody now. Try again later.`;
      throw new ConnectionError('notReachable', text);
    }
    return new SentFile({ id, name, size: file.size, type: file.type }, transfers);
  }

  #connect(entry: Entry): void {
    entry.peer = this.#makePeer(entry.participant);
    if (entry.begins) entry.peer.begin();
  }

  #release(entry: Entry): void {
    entry.files?.close();
    entry.files = undefined;
    entry.peer?.close();
    entry.peer = undefined;
    entry.participant.connection.onmeasured = undefined;
  }

  #makePeer(participant: RemoteParticipant): Peer<Transceivers> {
    const context = this.#context;
    const { localParticipant } = context;
    const path = new PathWatch((state) => {
      if (context.serverConnection !== undefined) this.#send({ type: 'reportPath', to: participant.id, state });
    });
    participant.connection.onmeasured = () => path.measured(participant.connection, performance.now());
    const peer: Peer<Transceivers> = new Peer({
      to: participant.id,
      polite: isPolite(localParticipant.id, participant.id),
      configuration: () => context.configuration,
      trace: participant.connection,
      logger: context.options.logger ?? silentLogger,
      send: (message) => this.#send(message),
      online: () => context.online,
      media: () => {
        const { subscribe } = participant.permissions;
        return localParticipant.media.map((media) => (subscribe ? media : { ...media, track: null }));
      },
      makeSections: (rtc) => new Transceivers(rtc),
      sourceOf: (direction, id) =>
        (direction === 'send' ? localParticipant : participant).trackPublications.get(id)?.source,
      onmedia: () => participant.setMedia('mesh', peer.connection?.sections.received() ?? new Map()),
      oninterrupted: () => context.checkLink(),
      onconnection: (connection) => this.#connected(participant, connection),
      onpath: (found) => path.found(found),
    });
    return peer;
  }

  #send(message: ClientMessage): void {
    sendAboutConnection(this.#context, message);
  }

  /** Another connection is at hand: listen to its channels. */
  #connected(participant: RemoteParticipant, { channels }: PeerConnection<Transceivers>): void {
    const context = this.#context;
    const entry = this.#entries.get(participant.id);
    let dropped = 0;
    channels.oncontrol = (message) => context.handleControl(participant, message);
    channels.ondata = ({ payload, topic }: DataMessage) => {
      if (participant.permissions.data) context.emit('dataReceived', payload, participant, topic);
    };
    channels.ondropped = (channel) => {
      dropped += 1;
      if (dropped > DROPPED_NOTED_MAX) return;
      participant.connection.step('error', 'frameDropped', `dropped what is no message on channel ${channel}`, {
        channel,
      });
    };
    channels.onopen = () => participant.connection.step('media', 'channelOpen', 'data channels are open');
    entry?.files?.close();
    const onoffer = (file: IncomingFile) => context.emit('fileOffered', file);
    if (entry !== undefined) entry.files = new FileChannel(channels.files, participant, onoffer);
  }
}
