/** One attempt at a connection to another participant: negotiation, trickle, media and channels of one id. */
import type { Logger } from '../options.js';
import type { LocalMedia } from '../participants/localParticipant.js';
import type { ClientMessage, IceCandidate, MidTrack, ParticipantId, PeerConnectionId } from '../protocol.js';
import { observe, parseCandidate } from '../trace/observe.js';
import type { PeerTrace } from '../trace/peerTrace.js';
import { StatsPoller } from '../trace/statsPoller.js';
import { PeerChannels } from './channels.js';
import { decideOffer } from './negotiation.js';
import type { Sections } from './transceivers.js';

/** What a connection needs. */
export interface PeerConnectionOptions<S extends Sections> {
  /** The attempt's id. */
  readonly id: PeerConnectionId;
  /** To whom. */
  readonly to: ParticipantId;
  /** Whether this side made the attempt, and so offers first. */
  readonly initiator: boolean;
  /** Whether this side gives way. */
  readonly polite: boolean;
  /** For the browser. */
  readonly configuration: RTCConfiguration;
  /** What to send. */
  readonly media: readonly LocalMedia[];
  /** Makes its sections. */
  readonly makeSections: (rtc: RTCPeerConnection) => S;
  /** Where to note what happens. */
  readonly trace: PeerTrace;
  /** Names a track for the trace, by its direction and what its section is named by. */
  readonly sourceOf: (direction: string, id: string) => string | undefined;
  /** Where to write what goes wrong. */
  readonly logger: Logger;
  /** Sends a message through the server. */
  readonly send: (message: ClientMessage) => void;
  /** The state changed. */
  readonly onstate: (state: RTCPeerConnectionState) => void;
  /** Other media is here than before. */
  readonly onmedia: () => void;
}

/** One attempt at a connection. */
export class PeerConnection<S extends Sections = Sections> {
  /** Its id. */
  readonly id: PeerConnectionId;
  /** Whether this side made it. */
  readonly initiator: boolean;
  /** Its data channels. */
  readonly channels: PeerChannels;
  /** Its media sections. */
  readonly sections: S;
  readonly #options: PeerConnectionOptions<S>;
  readonly #rtc: RTCPeerConnection;
  readonly #poller: StatsPoller;
  #media: readonly LocalMedia[];
  #negotiated = false;
  #makingOffer = false;
  #ignoringOffer = false;
  /** The ICE generation whose end has been told. */
  #completeGeneration: string | undefined;
  /** What comes from the other side is handled one after another, in order. */
  #incoming: Promise<void> = Promise.resolve();

  /** Makes it; the initiator's first offer follows by itself. */
  constructor(options: PeerConnectionOptions<S>) {
    this.#options = options;
    this.id = options.id;
    this.initiator = options.initiator;
    this.#media = options.media;
    this.#rtc = new RTCPeerConnection(withDefaults(options.configuration));
    this.channels = new PeerChannels(this.#rtc);
    this.sections = options.makeSections(this.#rtc);
    this.#poller = new StatsPoller(this.#rtc, options.trace, () => this.#names());
    observe(this.#rtc, options.trace);
    this.#rtc.onnegotiationneeded = () => this.#offer();
    this.#rtc.onicecandidate = ({ candidate }) => this.#trickle(candidate);
    this.#rtc.ontrack = () => options.onmedia();
    this.#rtc.onconnectionstatechange = () => options.onstate(this.#rtc.connectionState);
    if (options.initiator) this.#send();
  }

  /** As the browser sees it. */
  get state(): RTCPeerConnectionState {
    return this.#rtc.connectionState;
  }

  /** Whether the other side has answered, or offered, ever. */
  get negotiated(): boolean {
    return this.#negotiated;
  }

  /** Sends exactly this from now on. */
  setMedia(media: readonly LocalMedia[]): void {
    this.#media = media;
    // Whoever answers waits for the offer's sections, and takes those.
    if (this.initiator || this.#negotiated) this.#send();
  }

  /** Uses another configuration; ICE servers count from the next search for a path on. */
  configure(configuration: RTCConfiguration): void {
    this.#rtc.setConfiguration(withDefaults(configuration));
  }

  /** Looks for a new path; media goes on over the old one while that works. */
  restartIce(): void {
    this.#rtc.restartIce();
  }

  /** Takes an offer. */
  handleOffer(sdp: string, tracks: readonly MidTrack[]): void {
    this.#enqueue(async () => {
      const { polite, trace } = this.#options;
      const { signalingState } = this.#rtc;
      const decision = decideOffer({ polite, makingOffer: this.#makingOffer, signalingState });
      this.#ignoringOffer = decision === 'ignore';
      trace.step('signalling', 'offerReceived', 'received an offer');
      if (decision === 'ignore')
        return trace.step('signalling', 'offerIgnored', 'ignored it, as our own offer goes first');
      if (decision === 'giveWay') trace.step('signalling', 'offerGivenUp', 'gave up our own offer in its favour');
      // Rolls back our own offer where there is one (RFC 9429 §4.1.10.2).
      await this.#rtc.setRemoteDescription({ type: 'offer', sdp });
      this.#described(tracks);
      this.#send();
      await this.#rtc.setLocalDescription();
      this.#describe('answer');
      this.#options.onmedia();
    });
  }

  /** Takes an answer. */
  handleAnswer(sdp: string, tracks: readonly MidTrack[]): void {
    this.#enqueue(async () => {
      this.#options.trace.step('signalling', 'answerReceived', 'received the answer');
      // An answer to an offer that was given up meanwhile.
      if (this.#rtc.signalingState !== 'have-local-offer') return;
      await this.#rtc.setRemoteDescription({ type: 'answer', sdp });
      this.#described(tracks);
      this.#options.onmedia();
    });
  }

  /** Takes a candidate. */
  handleCandidate(candidate: IceCandidate): void {
    const seen = parseCandidate(candidate);
    if (seen !== undefined) this.#options.trace.candidate('remote', seen);
    this.#enqueue(() => this.#addCandidate(candidate));
  }

  /** No more candidates will come for a generation of ICE credentials. */
  handleEndOfCandidates(usernameFragment: string | undefined): void {
    this.#options.trace.step('candidate', 'remoteEndOfCandidates', 'the other side has no more candidates');
    this.#enqueue(() =>
      this.#addCandidate({ candidate: '', ...(usernameFragment === undefined ? {} : { usernameFragment }) }),
    );
  }

  /** Ends it. Nothing is reported any more. */
  close(): void {
    this.#poller.stop();
    this.channels.close();
    this.#rtc.onnegotiationneeded = null;
    this.#rtc.onicecandidate = null;
    this.#rtc.ontrack = null;
    this.#rtc.onconnectionstatechange = null;
    this.#rtc.close();
  }

  #send(): void {
    this.sections.send(this.#media);
  }

  async #offer(): Promise<void> {
    try {
      this.#makingOffer = true;
      await this.#rtc.setLocalDescription();
      this.#describe('offer');
    } catch (error) {
      this.#fail('the offer could not be made', error);
    } finally {
      this.#makingOffer = false;
    }
  }

  #describe(type: 'offer' | 'answer'): void {
    const description = this.#rtc.localDescription;
    // Overtaken by the other side's offer, or closed.
    if (description?.type !== type) return;
    const { to, trace } = this.#options;
    const { sdp } = description;
    this.#options.send({ type, to, connection: this.id, sdp, tracks: this.sections.describe() });
    trace.step('signalling', `${type}Sent`, `sent an ${type}`, { bytes: sdp.length });
  }

  #described(tracks: readonly MidTrack[]): void {
    this.#negotiated = true;
    this.sections.describedRemotely(tracks);
  }

  #trickle(candidate: RTCIceCandidate | null): void {
    const { to } = this.#options;
    if (candidate !== null && candidate.candidate !== '') {
      this.#options.send({ type: 'candidate', to, connection: this.id, candidate: toIceCandidate(candidate) });
      return;
    }
    // Browsers say that a generation is complete by an empty candidate, by `null`, or by both.
    const usernameFragment = candidate?.usernameFragment ?? this.#localUsernameFragment();
    if (usernameFragment === undefined || usernameFragment === this.#completeGeneration) return;
    this.#completeGeneration = usernameFragment;
    this.#options.send({ type: 'endOfCandidates', to, connection: this.id, usernameFragment });
  }

  #localUsernameFragment(): string | undefined {
    return /^a=ice-ufrag:(\S+)/m.exec(this.#rtc.localDescription?.sdp ?? '')?.[1];
  }

  async #addCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.#rtc.addIceCandidate(candidate);
    } catch (error) {
      // Candidates of an offer that was ignored have no description to go with.
      if (!this.#ignoringOffer) this.#options.logger.debug('candidate not taken', { error: String(error) });
    }
  }

  #enqueue(handle: () => Promise<void>): void {
    this.#incoming = this.#incoming.then(async () => {
      if (this.#rtc.signalingState === 'closed') return;
      try {
        await handle();
      } catch (error) {
        this.#fail('a message of the other side could not be handled', error);
      }
    });
  }

  #fail(what: string, error: unknown): void {
    if (this.#rtc.signalingState === 'closed') return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.trace.step('error', 'negotiationFailed', `${what}: ${reason}`, { reason });
    this.#options.logger.warn('negotiation failed', { what, reason });
  }

  #names(): Map<string, string> {
    const names = new Map<string, string>();
    for (const [key, id] of this.sections.names()) {
      const source = this.#options.sourceOf(key.split(' ')[0] ?? '', id);
      if (source !== undefined) names.set(key, source);
    }
    return names;
  }
}

function toIceCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: RTCIceCandidate): IceCandidate {
  return {
    candidate,
    ...(sdpMid === null ? {} : { sdpMid }),
    ...(sdpMLineIndex === null ? {} : { sdpMLineIndex }),
    ...(usernameFragment === null ? {} : { usernameFragment }),
  };
}

function withDefaults(configuration: RTCConfiguration): RTCConfiguration {
  return { bundlePolicy: 'max-bundle', ...configuration };
}
