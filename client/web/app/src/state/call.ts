import { batch, computed, signal } from '@preact/signals';
import {
  type ConnectionState,
  type LocalTrack,
  type Participant,
  type PeerTrace,
  Room,
  type RoomEvents,
  type Topology,
  type TopologyReason,
  type TrackSource,
} from 'moim-client';
import { callMessages } from '../screens/call/messages.js';
import { announce } from './announcer.js';
import { Chat } from './chat.js';
import { faultOf } from './localMedia.js';
import { type ParticipantView, viewOf } from './participantView.js';
import { toast } from './toasts.js';
import { TraceHistory } from './traceHistory.js';

declare global {
  interface Window {
    /** The debugging handle: the room of the call under way. */
    __moim?: { readonly room: Room };
  }
}

/** How media travels, and why. */
export interface Way {
  readonly topology: Topology;
  readonly reason: TopologyReason;
}

/** A call as the screen shows it: mirrors a `Room` into signals. */
export class Call {
  /** The connection to the server. */
  readonly connection = signal<ConnectionState>('connecting');
  /** Everybody, oneself first. */
  readonly participants = signal<readonly ParticipantView[]>([]);
  /** Whether the browser holds sound back until the person does something. */
  readonly soundBlocked = signal(false);
  /** Whether the server is about to go away. */
  readonly draining = signal(false);
  /** All devices. */
  readonly devices = signal<readonly MediaDeviceInfo[]>([]);
  /** Which device each kind uses; changes with every choice. */
  readonly activeDevices = signal<Partial<Record<MediaDeviceKind, string>>>({});
  /** How media travels, and why. */
  readonly way = signal<Way>({ topology: 'mesh', reason: 'few' });
  /** Who speaks, the one who has the floor first; ids. */
  readonly speakers = signal<readonly string[]>([]);
  /** Grows whenever a connection's trace has news. */
  readonly traceVersion = signal(0);
  /** The recent past of every connection. */
  readonly history = new TraceHistory();
  /** When the call began, in milliseconds since 1970. */
  readonly startedAt = Date.now();
  /** Messages and files. */
  readonly chat: Chat;
  /** Oneself. */
  readonly local = computed(() => this.participants.value.find(({ isLocal }) => isLocal));

  readonly room: Room;
  /** The room's name. */
  readonly roomName: string;

  /** Whether we are in: whoever is found there on entering did not just join. */
  #entered = false;
  readonly #onEnd: (reason: string) => void;
  readonly #unsubscribe: (() => void)[] = [];
  #refreshQueued = false;
  #ended = false;

  /** Watches `room`, which need not be connected yet; `onEnd` learns why the call ended. */
  constructor(room: Room, roomName: string, onEnd: (reason: string) => void) {
    this.room = room;
    this.roomName = roomName;
    this.#onEnd = onEnd;
    this.chat = new Chat(room);
    this.#listen();
    window.__moim = { room };
  }

  /** Publishes what ran before the call. A failure is told, and the call goes on. */
  async publish(tracks: readonly LocalTrack[]): Promise<void> {
    this.#entered = true;
    await Promise.all(tracks.map((track) => this.#publish(track)));
    await this.refreshDevices();
    this.#refresh();
  }

  /** Mutes or unmutes. */
  toggleMicrophone(): Promise<void> {
    const { localParticipant } = this.room;
    return this.#attempt(() => localParticipant.setMicrophoneEnabled(!localParticipant.isMicrophoneEnabled));
  }

  /** Starts or stops the camera. */
  toggleCamera(): Promise<void> {
    const { localParticipant } = this.room;
    return this.#attempt(() => localParticipant.setCameraEnabled(!localParticipant.isCameraEnabled));
  }

  /** Starts or stops sharing the screen, with its sound where the browser can. */
  toggleScreenShare(): Promise<void> {
    const { localParticipant } = this.room;
    const on = !localParticipant.isScreenShareEnabled;
    return this.#attempt(async () => {
      try {
        await localParticipant.setScreenShareEnabled(on, { audio: true });
      } catch (error) {
        // Whoever closes the browser's list of screens knows that nothing is shared.
        if (faultOf(error) !== 'permissionDenied') throw error;
      }
    });
  }

  /** Takes another device. */
  async switchDevice(kind: MediaDeviceKind, deviceId: string): Promise<void> {
    await this.#attempt(() => this.room.switchActiveDevice(kind, deviceId));
    this.#readActiveDevices();
  }

  /** Lets sound play, which has to come from a press or key. */
  startSound(): Promise<void> {
    return this.#attempt(() => this.room.startAudio());
  }

  /** Removes somebody. */
  remove(participant: ParticipantView): Promise<void> {
    return this.#attempt(() => this.room.kick(participant.id));
  }

  /** Looks again which devices there are. */
  async refreshDevices(): Promise<void> {
    this.devices.value = await Room.getLocalDevices().catch(() => []);
    this.#readActiveDevices();
  }

  /** Leaves by one's own wish. */
  async leave(): Promise<void> {
    this.#end();
    await this.room.disconnect();
  }

  /** Stops watching. */
  dispose(): void {
    this.#end();
  }

  async #publish(track: LocalTrack): Promise<void> {
    const source: TrackSource = track.kind === 'video' ? 'camera' : 'microphone';
    try {
      await this.room.localParticipant.publishTrack(track, { source });
    } catch {
      track.stop();
      if (!this.#ended) toast(callMessages.value.publishFailed[source], 'error');
    }
  }

  async #attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!this.#ended) toast(callMessages.value.failure(error), 'error');
    }
    this.#refresh();
  }

  #listen(): void {
    const { room } = this;
    const refresh = () => this.#refresh();
    this.#on('connectionStateChanged', (state) => {
      this.connection.value = state;
      this.#refresh();
    });
    this.#on('disconnected', (reason) => {
      if (this.#ended) return;
      this.#end();
      this.#onEnd(reason);
    });
    this.#on('connected', () => {
      this.#watchServer();
      for (const { connection } of this.room.remoteParticipants.values()) this.#watch(connection);
      this.#refresh();
    });
    this.#on('participantConnected', (participant) => {
      this.#watch(participant.connection);
      if (this.#entered && room.state === 'connected') toast(callMessages.value.joined(participant.name));
      this.#refresh();
    });
    this.#on('participantDisconnected', (participant) => {
      // When this side leaves, or the server has started anew, it is not they who left.
      if (room.state === 'connected') toast(callMessages.value.gone(participant.name));
      this.#refresh();
    });
    this.#on('topologyChanged', (topology, reason) => {
      announce(callMessages.value.way(topology, reason));
      this.#refresh();
    });
    for (const event of REFRESHING_EVENTS) this.#on(event, refresh);
    this.#on('audioPlaybackChanged', () => {
      this.soundBlocked.value = !this.room.canPlaybackAudio;
    });
    this.#on('draining', () => {
      this.draining.value = true;
    });
    this.#on('reconnected', () => {
      this.draining.value = false;
      this.#watchServer();
    });
    this.#on('mediaDevicesChanged', () => void this.refreshDevices());
    this.#on('mediaDevicesError', (error) => toast(callMessages.value.failure(error), 'error'));
    this.#on('error', (error) => toast(callMessages.value.failure(error), 'error'));
  }

  #on<E extends keyof RoomEvents>(event: E, handler: RoomEvents[E]): void {
    this.room.on(event, handler);
    this.#unsubscribe.push(() => this.room.off(event, handler));
  }

  /** The connection to the server, which is another one each time the room is joined. */
  #watchServer(): void {
    const { serverConnection } = this.room;
    if (serverConnection) this.#watch(serverConnection);
  }

  #watch(connection: PeerTrace): void {
    connection.onchange = () => {
      this.history.record(connection, Date.now());
      this.traceVersion.value += 1;
      this.#refresh();
    };
  }

  /** Mirrors the room anew, once for all that happened in this turn. */
  #refresh(): void {
    if (this.#refreshQueued || this.#ended) return;
    this.#refreshQueued = true;
    queueMicrotask(() => {
      this.#refreshQueued = false;
      if (this.#ended) return;
      const everybody: Participant[] = [this.room.localParticipant, ...this.room.remoteParticipants.values()];
      batch(() => {
        this.participants.value = everybody.map(viewOf);
        this.connection.value = this.room.state;
        const { topology, topologyReason: reason } = this.room;
        const { value: way } = this.way;
        if (way.topology !== topology || way.reason !== reason) this.way.value = { topology, reason };
        this.speakers.value = this.room.activeSpeakers.map(({ id }) => id);
        this.soundBlocked.value = !this.room.canPlaybackAudio;
      });
    });
  }

  #readActiveDevices(): void {
    const active: Partial<Record<MediaDeviceKind, string>> = {};
    for (const kind of ['audioinput', 'videoinput', 'audiooutput'] as const) {
      const id = this.room.getActiveDevice(kind);
      if (id !== undefined) active[kind] = id;
    }
    this.activeDevices.value = active;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.chat.dispose();
    delete window.__moim;
  }
}

/** Events after which the participants look different. */
const REFRESHING_EVENTS = [
  'reconnecting',
  'reconnected',
  'participantUpdated',
  'trackPublished',
  'trackUnpublished',
  'trackSubscribed',
  'trackUnsubscribed',
  'trackMuted',
  'trackUnmuted',
  'trackReceptionChanged',
  'localTrackPublished',
  'localTrackUnpublished',
  'activeSpeakersChanged',
] as const;
