import { Chat } from './chat.js';
import type { ChatMessage } from './chatTypes.js';
import { listDevices, unsupportedReasons } from './devices.js';
import { MoimError, SignalError, UnsupportedError } from './errors.js';
import { Emitter } from './events.js';
import type { ConnectionState, ConnectOptions, DisconnectReason, RoomOptions, Transport } from './options.js';
import { LocalParticipant } from './participants/localParticipant.js';
import type { Participant, ParticipantEvents } from './participants/participant.js';
import type { RemoteParticipant } from './participants/remoteParticipant.js';
import { IceServers } from './peer/iceServers.js';
import type { ClientMessage, LeaveReason, ParticipantId, ServerMessage, Topology, TopologyReason } from './protocol.js';
import type { SharedEvent } from './roomContext.js';
import type { RoomEvents } from './roomEvents.js';
import { Roster, type RosterContext } from './roster.js';
import { Forwarding, isOfServer } from './server/forwarding.js';
import { watchNetwork } from './signal/networkWatch.js';
import { SignalSession } from './signal/signalSession.js';
import { Speakers } from './speakers.js';
import type { PeerTrace } from './trace/peerTrace.js';
import { AudioPlayback } from './tracks/audioPlayback.js';
import { parseServerUrl } from './url.js';

/** How this software introduces itself to the server. */
const CLIENT = 'moim-client-js';
const TRANSPORTS: readonly Transport[] = ['websocket', 'events'];

/** A room: join it, see who is there, send and receive. One object may join and leave any number of times. */
export class Room extends Emitter<RoomEvents> {
  /** Whether this browser, on this page, can hold a call. */
  static isSupported(): boolean {
    return unsupportedReasons().length === 0;
  }

  /** What is missing for a call: `insecureContext`, `noWebRtc`, `oldWebRtc`, `noGetUserMedia`. */
  static unsupportedReasons(): string[] {
    return unsupportedReasons();
  }

  /** The devices there are. Never asks the user; before permission, their labels are empty. */
  static getLocalDevices(kind?: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
    return listDevices(kind);
  }

  /** The participant of this page. Before joining it has no id and no name. */
  readonly localParticipant: LocalParticipant;
  readonly #options: RoomOptions;
  /** This room as its parts see it. */
  readonly #parts: RosterContext;
  readonly #playback = new AudioPlayback(() => this.emit('audioPlaybackChanged'));
  readonly #roster: Roster;
  readonly #chat: Chat;
  #state: ConnectionState = 'disconnected';
  #name = '';
  #session: SignalSession | undefined;
  #base: URL | undefined;
  /** Credentials end before calls do. */
  readonly #iceServers = new IceServers(() => {
    this.#request({ type: 'refreshIceServers' }).catch((error) => this.#report(error));
  });
  /** What the server forwards during this stay. */
  #forwarding: Forwarding | undefined;
  #speakers: Speakers | undefined;
  /** Stops listening to the page and its devices. */
  #stopListening: (() => void) | undefined;
  /** Settle `connect`: the first `joined` came, or it was given up. */
  #joining: { resolve(): void; reject(error: SignalError): void } | undefined;

  /** Makes a room that is not joined yet. */
  constructor(options: RoomOptions = {}) {
    super();
    this.#options = options;
    const context = this.#context();
    this.#parts = context;
    this.localParticipant = new LocalParticipant(context);
    this.#roster = new Roster(context);
    this.#chat = new Chat({
      local: this.localParticipant,
      remotes: this.#roster.participants,
      get limits() {
        return context.limits;
      },
      sendControl: (to, message) => this.#roster.sendControl(to, message),
      request: (message) => this.#request(message),
      deliver: (message) => this.emit('chatMessage', message),
      report: (error) => this.#report(error),
    });
  }

  /** Its name, once joined. */
  get name(): string {
    return this.#name;
  }

  /** Whether it is joined. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** How signalling travels. */
  get transport(): Transport | undefined {
    return this.#session?.transport;
  }

  /** Whether the server lets anybody in who knows a room's name. */
  get open(): boolean {
    return this.#session?.welcome?.open ?? false;
  }

  /** The others, by id, in the order they came. */
  get remoteParticipants(): ReadonlyMap<ParticipantId, RemoteParticipant> {
    return this.#roster.participants;
  }

  /** How media travels: directly between everybody (`mesh`), or by the server (`sfu`). */
  get topology(): Topology {
    return this.#forwarding?.topology ?? 'mesh';
  }

  /** Why media travels so. */
  get topologyReason(): TopologyReason {
    return this.#forwarding?.reason ?? 'few';
  }

  /** How the connection to the server came about and how it is; `undefined` where the server forwards no media. */
  get serverConnection(): PeerTrace | undefined {
    return this.#forwarding?.trace;
  }

  /** Who speaks, loudest first; in `sfu`, who has the floor first. */
  get activeSpeakers(): readonly Participant[] {
    return this.#speakers?.speakers ?? [];
  }

  /** Whether the browser lets sound play; if not, call {@link startAudio} from a click. */
  get canPlaybackAudio(): boolean {
    return this.#playback.allowed;
  }

  /**
   * Joins a room. `url` is the server's: `https://host[:port]`, or `wss://`.
   * Rejects with {@link SignalError} or {@link UnsupportedError}; the room is then as before.
   */
  async connect(url: string | URL, options: ConnectOptions): Promise<void> {
    if (this.#state !== 'disconnected') {
      throw new SignalError('alreadyConnected', 'This room is joined already, or being joined. Disconnect first.');
    }
    const missing = unsupportedReasons().filter((reason) => reason !== 'noGetUserMedia');
    if (missing.length > 0) {
      const text = `This page cannot hold a call (${missing.join(', ')}). Open it by https, in a current browser.`;
      throw new UnsupportedError(missing[0] ?? 'unsupported', text);
    }
    const base = parseServerUrl(url);
    const { transports = [...TRANSPORTS], logger } = this.#options;
    const session = new SignalSession({
      ...{ base, token: options.token, client: CLIENT, transports },
      ...(logger === undefined ? {} : { logger }),
    });
    this.#base = base;
    this.#session = session;
    this.#setState('connecting');
    try {
      await this.#join(session, options);
    } catch (error) {
      // Given up halfway, the others may see this participant already.
      void session.leave();
      if (this.#session === session) this.#end();
      throw error;
    }
  }

  /** Leaves the room, ends what is published, and frees the devices. */
  async disconnect(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    // `leave` first: once the session is forgotten, nobody would hear of it.
    const left = session.leave();
    this.#disconnected('clientInitiated');
    await left;
  }

  /** Takes another device: for `audiooutput` all sound here, otherwise what is sent. Rejects with {@link MediaDeviceError}. */
  async switchActiveDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    if (kind === 'audiooutput') await this.#playback.setSinkId(deviceId);
    else await this.localParticipant.switchDevice(kind, deviceId);
  }

  /** The device in use, or chosen for later. */
  getActiveDevice(kind: MediaDeviceKind): string | undefined {
    if (kind !== 'audiooutput') return this.localParticipant.activeDevice(kind);
    return this.#playback.sinkId === '' ? undefined : this.#playback.sinkId;
  }

  /** Plays what the autoplay policy kept silent. Call it from a click or key press. */
  startAudio(): Promise<void> {
    return this.#playback.start();
  }

  /** Removes somebody from the room. Needs the `admin` permission. Rejects with {@link SignalError}. */
  kick(id: ParticipantId): Promise<void> {
    return this.#request({ type: 'kick', participant: id });
  }

  /** Removes everybody and closes the room. Needs the `admin` permission. Rejects with {@link SignalError}. */
  close(): Promise<void> {
    return this.#request({ type: 'closeRoom' });
  }

  /** Opens the session and joins; later sessions join by themselves. */
  async #join(session: SignalSession, { room, name, metadata, signal }: ConnectOptions): Promise<void> {
    const joined = new Promise<void>((resolve, reject) => {
      this.#joining = { resolve, reject };
      signal?.addEventListener('abort', () => {
        reject(new SignalError('aborted', 'Connecting was given up, as the application asked.'));
      });
      session.on('begun', () => {
        if (this.#session !== session) return;
        const { localParticipant } = this;
        // After an outage, with what was changed meanwhile.
        const again = this.#state === 'reconnecting';
        const about = again ? localParticipant.metadata : metadata;
        const join: ClientMessage = {
          ...{ type: 'join', room, name: again ? localParticipant.name : name },
          ...(about === undefined ? {} : { metadata: about }),
        };
        session.request(join).catch((error: SignalError) => {
          // Another session has begun, and joins as well.
          if (error.code === 'connectionLost') return;
          if (this.#state === 'connecting') reject(error);
          else if (this.#session === session) this.#fail(error);
        });
      });
      session.on('ended', (error) => {
        if (this.#state === 'connecting') reject(error);
        else if (this.#session === session) this.#fail(error);
      });
    });
    // Once the room is left, its session may still speak for a moment: nobody listens.
    session.on('lost', () => {
      if (this.#session !== session || this.#state !== 'connected') return;
      this.#setState('reconnecting');
      this.emit('reconnecting');
    });
    session.on('resumed', () => this.#session === session && this.#reconnected());
    session.on('message', (message) => this.#session === session && this.#handle(message));
    await Promise.race([joined, session.connect(signal).then(() => joined)]);
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case 'joined':
        return this.#handleJoined(message);
      case 'iceServers':
        this.#iceServers.take(message.iceServers);
        this.#forwarding?.configure();
        return this.#roster.configure();
      case 'left':
        return this.#handleLeft(message.reason);
      case 'participantJoined':
        return this.#roster.add(message.participant, false);
      case 'participantUpdated':
        if (message.participant.id !== this.localParticipant.id) return this.#roster.update(message.participant);
        this.localParticipant.obey(message.participant);
        if (this.localParticipant.describe(message.participant)) {
          this.localParticipant.emitOwn('participantUpdated');
          this.emit('participantUpdated', this.localParticipant);
        }
        return;
      case 'participantLeft':
        this.#chat.forget(message.participant);
        return this.#roster.remove(message.participant, message.reason);
      case 'offer':
      case 'answer':
      case 'candidate':
      case 'endOfCandidates':
        return isOfServer(message) ? this.#forwarding?.handle(message) : this.#roster.handle(message);
      case 'topology':
      case 'topologySettled':
      case 'sections':
      case 'sectionsWanted':
      case 'encodingsWanted':
      case 'connectionEnded':
      case 'speakers':
        return this.#forwarding?.handle(message);
      case 'chat': {
        const from = this.#roster.participants.get(message.from);
        if (from !== undefined) this.#chat.handleRelayed(from, message.id, message.text, message.to);
        return;
      }
      case 'draining':
        return this.emit('draining', message.graceMs);
      case 'error':
        // Whoever sent the refused message hears of it by its own promise.
        return;
    }
  }

  #handleJoined({ room, participant, participants, iceServers }: Extract<ServerMessage, { type: 'joined' }>): void {
    const session = this.#session;
    const again = this.#state === 'reconnecting';
    this.#name = room.name;
    this.#iceServers.take(iceServers);
    // Media of the old room went on until here; now everybody has another id and makes new connections.
    this.#roster.clear('serverShutdown');
    this.#forwarding?.stop();
    const topologyBefore = this.#forwarding?.topology;
    const forwarding = new Forwarding(this.#parts, this.#roster, room);
    this.#forwarding = forwarding;
    this.localParticipant.describe(participant);
    if (again) {
      for (const track of this.localParticipant.descriptions) {
        this.#request({ type: 'publish', track }).catch((error) => this.#report(error));
      }
    } else {
      this.#listen();
      this.#setState('connected');
      this.emit('connected');
    }
    for (const other of participants) {
      // Whoever hears of this may leave at once.
      if (this.#session !== session) return;
      this.#roster.add(other, true);
    }
    if (this.#session !== session) return;
    forwarding.begin();
    if (again && topologyBefore !== room.topology) this.emit('topologyChanged', room.topology, room.topologyReason);
    if (again) this.#reconnected();
    this.#joining?.resolve();
  }

  #handleLeft(reason: LeaveReason): void {
    // The link will close, and the session be taken up again wherever the server is then.
    if (reason === 'serverShutdown' || reason === 'left') return;
    this.#session?.close();
    this.#disconnected(reason === 'timedOut' ? 'connectionLost' : reason);
  }

  #reconnected(): void {
    if (this.#state !== 'reconnecting') return;
    this.#setState('connected');
    this.emit('reconnected');
    this.#check(false);
  }

  #check(networkChanged: boolean): void {
    this.#roster.check(networkChanged);
    this.#forwarding?.check(networkChanged);
  }

  /** The session is over for good. */
  #fail(error: SignalError): void {
    this.#session?.close();
    this.#options.logger?.warn('session ended', { code: error.code, message: error.message });
    this.#disconnected(error.code);
  }

  #disconnected(reason: DisconnectReason): void {
    if (this.#session === undefined) return;
    this.#end();
    this.emit('disconnected', reason);
  }

  /** Back to where it was before `connect`. */
  #end(): void {
    this.#session = undefined;
    this.#joining?.reject(new SignalError('aborted', 'Connecting was given up, as the room was left meanwhile.'));
    this.#joining = undefined;
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#iceServers.stop();
    // Before the others are gone from here: it is not they who leave.
    this.#setState('disconnected');
    this.#chat.clear();
    this.#roster.clear('left');
    this.#forwarding?.stop();
    this.#forwarding = undefined;
    this.localParticipant.close();
  }

  /** Follows the page, the network and the devices while joined. */
  #listen(): void {
    const stop = new AbortController();
    const { signal } = stop;
    const unwatch = watchNetwork((changed) => changed && this.#check(true));
    const speakers = new Speakers({
      local: this.localParticipant,
      remotes: this.#roster.participants,
      // By whichever connection there is.
      sender: (id) => this.#roster.connections[0]?.sections.sender(id) ?? this.#forwarding?.sender(id),
      heard: () => this.#forwarding?.speaking,
      onchange: (all) => this.emit('activeSpeakersChanged', all),
    });
    this.#speakers = speakers;
    const devices = typeof navigator === 'undefined' ? undefined : navigator.mediaDevices;
    devices?.addEventListener('devicechange', () => this.emit('mediaDevicesChanged'), { signal });
    if (typeof window !== 'undefined') {
      // A page that goes says so, rather than to be missed for half a minute.
      window.addEventListener('pagehide', () => this.#session?.suspend(), { signal });
      window.addEventListener('pageshow', (event) => event.persisted && this.#revive(), { signal });
    }
    this.#stopListening = () => {
      stop.abort();
      unwatch();
      speakers.stop();
      this.#speakers = undefined;
    };
  }

  /** The page was put away, and so left the room; it is shown again. */
  #revive(): void {
    this.#setState('reconnecting');
    this.emit('reconnecting');
    this.#session?.revive();
  }

  #request(message: ClientMessage): Promise<void> {
    if (this.#session !== undefined && (this.#state === 'connected' || this.#state === 'reconnecting')) {
      return this.#session.request(message);
    }
    return Promise.reject(new SignalError('notConnected', 'This room is not joined. Call connect first.'));
  }

  #report(error: unknown): void {
    if (error instanceof MoimError) this.emit('error', error);
    else this.#options.logger?.warn('unexpected error', { error: String(error) });
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('connectionStateChanged', state);
  }

  /** This room as its parts see it. */
  #context(): RosterContext {
    const room = this;
    return {
      options: this.#options,
      playback: this.#playback,
      get localParticipant() {
        return room.localParticipant;
      },
      get online() {
        return room.#session?.online ?? false;
      },
      get limits() {
        return room.#session?.welcome?.limits;
      },
      get configuration() {
        const iceServers = room.#base === undefined ? [] : room.#iceServers.forBrowser(room.#base);
        return { iceServers, ...room.#options.rtcConfiguration };
      },
      emit: (event, ...args) => this.emit(event, ...args),
      emitFor: <E extends SharedEvent>(
        participant: Participant,
        event: E,
        ...args: Parameters<ParticipantEvents[E]>
      ) => {
        participant.emitOwn(event, ...args);
        // The room's event of the same name has the participant as its last argument.
        this.emit(event, ...([...args, participant] as unknown as Parameters<RoomEvents[E]>));
      },
      report: (error) => this.#report(error),
      request: (message) => this.#request(message),
      syncMedia: () => {
        this.#roster.syncMedia();
        this.#forwarding?.syncMedia();
      },
      get meshed() {
        return room.#forwarding?.topology !== 'sfu';
      },
      get serverConnection() {
        return room.#forwarding?.trace;
      },
      mediaChanged: () => this.#forwarding?.look(),
      wish: (participant, publication) => this.#forwarding?.wish(participant, publication),
      forgetWish: (participant, publication) => this.#forwarding?.forgetWish(participant, publication),
      sendChat: (text, to): Promise<ChatMessage> => this.#chat.send(text, to),
      sendData: (payload, options) => this.#roster.sendData(payload, options),
      sendFile: (file, to) => this.#roster.sendFile(file, to),
      checkLink: () => this.#session?.check(),
      handleControl: (from, message) => this.#chat.handleControl(from, message),
    };
  }
}
