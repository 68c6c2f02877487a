/** The state of a connection between two participants. */
export type PeerState = 'new' | 'connecting' | 'connected' | 'interrupted' | 'failed' | 'closed';

/** How good a connection is, from its newest measurements. */
export type ConnectionQuality = 'excellent' | 'good' | 'poor' | 'lost' | 'unknown';

/** The area a step of a connection belongs to. */
export type TraceKind =
  | 'signalling'
  | 'gathering'
  | 'candidate'
  | 'pair'
  | 'ice'
  | 'dtls'
  | 'media'
  | 'restart'
  | 'error';

/** One thing that happened while connecting or later. */
export interface TraceStep {
  /** Milliseconds since this attempt at a connection began. */
  readonly at: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The area it belongs to. */
  readonly kind: TraceKind;
  /** What happened, in English. */
  readonly text: string;
  /** A stable code, for translation. */
  readonly code: string;
  /** The numbers and names in it. */
  readonly data?: Record<string, string | number>;
}

/** An ICE candidate, local or remote. */
export interface TraceCandidate {
  /** How it was found. */
  readonly type: 'host' | 'srflx' | 'prflx' | 'relay';
  /** `udp` or `tcp`. */
  readonly protocol: string;
  /** Its address, or the name that stands for it (mDNS). Empty where the browser keeps it hidden. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
  /** How a relay is reached: `udp`, `tcp` or `tls`. */
  readonly relayProtocol?: string;
  /** The STUN or TURN server that gave it. */
  readonly url?: string;
  /** RFC 8445 §5.1.2. */
  readonly priority?: number;
}

/** Two candidates that were, are or will be checked against each other. */
export interface TracePair {
  /** Unique within its connection. */
  readonly id: string;
  /** This side. */
  readonly local?: TraceCandidate;
  /** The other side. */
  readonly remote?: TraceCandidate;
  /** RFC 8445 §6.1.2.6, as getStats names it. */
  readonly state: string;
  /** Whether it was nominated. */
  readonly nominated: boolean;
  /** Whether media takes it now. */
  readonly selected: boolean;
  /** The newest round trip, in milliseconds. */
  readonly rttMs?: number;
  /** Checks sent; 0 where the browser does not say (Firefox). */
  readonly requestsSent: number;
  /** Answers to them. */
  readonly responsesReceived: number;
  /** Why it does not work, where that can be told: a code. */
  readonly failure?: 'noResponse' | 'checksFailed';
}

/** Why media takes a relay. */
export interface RelayReason {
  /**
   * - `relayOnly`: a side offers relays only, by its own choice (it hides its address) or its network's.
   * - `udpBlocked`: UDP does not leave this side's network; the relay is reached over TCP or TLS.
   * - `noPublicAddress`: no STUN server told a side its public address, so that it can only be called from its own network.
   * - `directFailed`: both sides have public addresses, but no packet came through: a NAT that takes another port for each
   *   destination (symmetric), or a firewall.
   */
  readonly code: 'relayOnly' | 'udpBlocked' | 'noPublicAddress' | 'directFailed';
  /** Whose network it is about. */
  readonly side: 'local' | 'remote' | 'both';
  /** How many direct pairs were checked in vain; 0 also where the browser does not say (Firefox). */
  readonly tried: number;
}

/** What DTLS agreed on (RFC 9147, RFC 5764). */
export interface TraceDtls {
  /** As getStats names it. */
  readonly state: string;
  /** `1.2` or `1.3`. */
  readonly version?: string;
  /** The cipher suite. */
  readonly cipher?: string;
  /** The SRTP protection profile. */
  readonly srtpCipher?: string;
  /** `client` or `server`. */
  readonly role?: string;
}

/** One track in one direction. Rates are of the last second or so, the rest are totals. */
export interface TraceMedia {
  /** The media section. */
  readonly mid: string;
  /** Seen from here. */
  readonly direction: 'send' | 'receive';
  /** Sound or picture. */
  readonly kind: 'audio' | 'video';
  /** Where it comes from. */
  readonly source: string;
  /** Which of several encodings of the track (RFC 8851). */
  readonly rid?: string;
  /** For example `video/VP8`. */
  readonly codec?: string;
  /** Bits per second, headers not counted. */
  readonly bitrateBps?: number;
  /** RTP packets. */
  readonly packets: number;
  /** Packets lost on the way; sending: as the other side reports. */
  readonly lost?: number;
  /** Loss of the last second or so, in percent. */
  readonly lossPercent?: number;
  /** RFC 3550 §6.4.1. */
  readonly jitterMs?: number;
  /** Frames encoded or decoded. */
  readonly frames?: number;
  /** Pixels. */
  readonly width?: number;
  /** Pixels. */
  readonly height?: number;
  /** Frames per second. */
  readonly fps?: number;
  /** Times the picture stood still. */
  readonly freezes?: number;
  /** What the encoder is limited by, where it says: `cpu`, `bandwidth`, `other`, `none`. */
  readonly limitation?: string;
  /** The encoder or decoder in use, where the browser says. */
  readonly implementation?: string;
}
