/** As much of `RTCPeerConnection` as this library's own decisions need. Nothing is sent anywhere. */
export class FakeRtc extends EventTarget {
  static all: FakeRtc[] = [];
  /** The newest one. */
  static get last(): FakeRtc {
    const last = FakeRtc.all.at(-1);
    if (last === undefined) throw new Error('no connection was made');
    return last;
  }

  connectionState: RTCPeerConnectionState = 'new';
  iceConnectionState = 'new';
  iceGatheringState = 'new';
  signalingState: RTCSignalingState = 'stable';
  localDescription: { type: string; sdp: string } | null = null;
  sctp = null;
  restarts = 0;
  configuration: RTCConfiguration;
  readonly transceivers: FakeTransceiver[] = [];
  readonly channels: FakeChannel[] = [];
  onnegotiationneeded: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onicecandidate: ((event: unknown) => void) | null = null;
  ontrack: (() => void) | null = null;

  #negotiationNeeded = false;

  constructor(configuration: RTCConfiguration = {}) {
    super();
    this.configuration = configuration;
    FakeRtc.all.push(this);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  /** Goes to another state, as the network would make it. */
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  createDataChannel(label: string): FakeChannel {
    const channel = Object.assign(new EventTarget(), {
      ...{ label, readyState: 'connecting', bufferedAmount: 0, sent: [] as unknown[] },
      send: (data: unknown) => void channel.sent.push(data),
    });
    this.channels.push(channel);
    return channel;
  }

  addTransceiver(kind: string, init: RTCRtpTransceiverInit = {}): FakeTransceiver {
    const transceiver = new FakeTransceiver(kind, init);
    this.transceivers.push(transceiver);
    // However many sections are added in one go, the event comes once (W3C webrtc-pc §4.7.3).
    if (!this.#negotiationNeeded) queueMicrotask(() => this.#tellNegotiationNeeded());
    this.#negotiationNeeded = true;
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  async setLocalDescription(): Promise<void> {
    const type = this.signalingState === 'have-remote-offer' ? 'answer' : 'offer';
    this.localDescription = { type, sdp: `${type} sdp` };
    this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable';
    for (const [index, transceiver] of this.transceivers.entries()) transceiver.mid = String(index);
  }

  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
    if (type !== 'offer' || this.transceivers.length > 0) return;
    // The offer's sections, one word each.
    for (const [index, kind] of sdp.split(' ').entries()) {
      const transceiver = new FakeTransceiver(kind);
      transceiver.direction = 'recvonly';
      transceiver.mid = String(index);
      this.transceivers.push(transceiver);
    }
  }

  async addIceCandidate(): Promise<void> {}

  async getStats(): Promise<Map<string, unknown>> {
    return new Map();
  }

  restartIce(): void {
    this.restarts += 1;
    this.onnegotiationneeded?.();
  }

  #tellNegotiationNeeded(): void {
    this.#negotiationNeeded = false;
    this.onnegotiationneeded?.();
  }

  close(): void {
    this.signalingState = 'closed';
    this.connectionState = 'closed';
  }
}

/** As much of `RTCDataChannel`. */
interface FakeChannel extends EventTarget {
  readonly label: string;
  readyState: string;
  bufferedAmount: number;
  readonly sent: unknown[];
}

/** As much of `RTCRtpTransceiver`. */
export class FakeTransceiver {
  mid: string | null = null;
  direction = 'sendrecv';
  currentDirection: string | null = null;
  readonly receiver: FakeReceiver;
  readonly sender = {
    track: null as unknown,
    replaceTrack: async (track: unknown) => {
      this.sender.track = track;
    },
    getParameters: () => ({ encodings: structuredClone(this.encodings) }),
    setParameters: async ({ encodings }: { encodings: RTCRtpEncodingParameters[] }) => {
      this.encodings = encodings;
    },
  };
  /** What is sent of its track. */
  encodings: RTCRtpEncodingParameters[];

  constructor(kind: string, init: RTCRtpTransceiverInit = {}) {
    this.receiver = new FakeReceiver(kind);
    this.direction = init.direction ?? 'sendrecv';
    this.encodings = init.sendEncodings ?? [{}];
  }

  stop(): void {
    // `currentDirection` follows once the other side has agreed (W3C webrtc-pc §5.4.2).
    this.direction = 'stopped';
  }
}

/** As much of `RTCRtpReceiver`. */
export class FakeReceiver {
  readonly track: { readonly kind: string; readyState: string };
  /** What has been decoded, or has come. */
  come = 0;

  constructor(kind: string) {
    this.track = { kind, readyState: 'live' };
  }

  /** As the code under test takes it. */
  get asReal(): RTCRtpReceiver {
    return this as unknown as RTCRtpReceiver;
  }

  async getStats(): Promise<Map<string, unknown>> {
    const { kind } = this.track;
    return new Map([['in', { type: 'inbound-rtp', kind, framesDecoded: this.come, packetsReceived: this.come }]]);
  }

  getSynchronizationSources(): [] {
    return [];
  }
}
