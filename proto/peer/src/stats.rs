//! Statistics in the words of W3C's *Identifiers for WebRTC's Statistics API*: times in seconds, sizes in bytes, names spelt as there.
//!
//! # Left out
//! What only a decoder or an encoder knows (frames decoded, quality limitation), and what only a driver does (interfaces).

/// Everything that is known of a connection at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct StatsReport {
    /// The connection as a whole.
    pub peer_connection: PeerConnectionStats,
    /// The transport that everything goes by.
    pub transport: TransportStats,
    /// Pairs of candidates, also those that failed.
    pub candidate_pairs: Vec<CandidatePairStats>,
    /// RTP streams that are received.
    pub inbound_rtp: Vec<InboundRtpStats>,
    /// RTP streams that are sent.
    pub outbound_rtp: Vec<OutboundRtpStats>,
    /// How those that are sent arrive, as the other side says.
    pub remote_inbound_rtp: Vec<RemoteInboundRtpStats>,
    /// What was sent of those that are received, as the other side says.
    pub remote_outbound_rtp: Vec<RemoteOutboundRtpStats>,
    /// Data channels that there are.
    pub data_channels: Vec<DataChannelStats>,
}

/// `RTCPeerConnectionStats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct PeerConnectionStats {
    /// Data channels that have opened, ever.
    pub data_channels_opened: u64,
    /// Data channels that have closed, ever.
    pub data_channels_closed: u64,
    /// Packets that were dropped, for any reason.
    pub packets_dropped: u64,
    /// Messages of data channels that made no sense or were of none.
    pub messages_dropped: u64,
    /// SCTP INITs in the other side's descriptions that could not be used, so that there was a handshake.
    pub sctp_inits_refused: u64,
    /// Events that nobody fetched in time.
    pub events_lost: u64,
}

/// `RTCTransportStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct TransportStats {
    /// Packets of data that were sent by all pairs.
    pub packets_sent: u64,
    /// Packets of data that came by all pairs.
    pub packets_received: u64,
    /// Bytes in those that were sent.
    pub bytes_sent: u64,
    /// Bytes in those that came.
    pub bytes_received: u64,
    /// `controlling` or `controlled`.
    pub ice_role: String,
    /// This side's user name fragment.
    pub ice_local_username_fragment: String,
    /// How far ICE is.
    pub ice_state: String,
    /// How far DTLS is.
    pub dtls_state: String,
    /// `client`, `server`, or `unknown`.
    pub dtls_role: String,
    /// How far DTLS within checks is (SPED), if it is wanted: `tentative`, `confirmed`, `pending`, `complete` or `off`.
    pub sped_state: Option<&'static str>,
    /// Datagrams of DTLS that came within checks and their answers.
    pub sped_datagrams_received: u64,
    /// Whether SCTP did without a handshake (SNAP).
    pub snap: bool,
    /// How media is protected.
    pub srtp_cipher: Option<String>,
    /// What may be sent, in bits per second, if congestion is controlled.
    pub available_outgoing_bitrate: Option<f64>,
    /// Why it is not more.
    pub congestion_reason: Option<String>,
    /// The share of packets that were lost lately, as congestion control sees it.
    pub congestion_loss: Option<f64>,
    /// For how long packets wait on the path, in seconds.
    pub congestion_queue: Option<f64>,
}

/// `RTCIceCandidatePairStats`, with what it is a pair of, and why it failed.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct CandidatePairStats {
    /// The local candidate, as descriptions write it.
    pub local_candidate: String,
    /// The remote candidate, as descriptions write it.
    pub remote_candidate: String,
    /// What goes between this side and its relay: `udp`, `tcp` or `tls`. [`None`]: this side uses none.
    pub relay_protocol: Option<&'static str>,
    /// How far its checks are.
    pub state: String,
    /// Whether it was nominated.
    pub nominated: bool,
    /// Whether data goes by it.
    pub selected: bool,
    /// Packets of data that were sent by it.
    pub packets_sent: u64,
    /// Packets of data that came by it.
    pub packets_received: u64,
    /// Bytes in those that were sent.
    pub bytes_sent: u64,
    /// Bytes in those that came.
    pub bytes_received: u64,
    /// The latest round trip of a check.
    pub current_round_trip_time: Option<f64>,
    /// All round trips of checks together.
    pub total_round_trip_time: f64,
    /// Checks that were sent.
    pub requests_sent: u64,
    /// Answers that came.
    pub responses_received: u64,
    /// Checks that came.
    pub requests_received: u64,
    /// Answers that were sent.
    pub responses_sent: u64,
    /// Checks that only ask whether the other side still agrees.
    pub consent_requests_sent: u64,
    /// Why it does not work.
    pub failure: Option<String>,
}

/// `RTCInboundRtpStreamStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct InboundRtpStats {
    /// The stream.
    pub ssrc: u32,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// Its media section.
    pub mid: String,
    /// Which encoding of a simulcast it is.
    pub rid: Option<String>,
    /// Packets that came, without those that were sent again.
    pub packets_received: u64,
    /// Bytes of payload in them.
    pub bytes_received: u64,
    /// Bytes of headers in them.
    pub header_bytes_received: u64,
    /// Packets that did not come; below zero if more came twice.
    pub packets_lost: i64,
    /// By how much the time between packets varies.
    pub jitter: f64,
    /// Packets that were missing and came by RTX.
    pub retransmitted_packets_received: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_received: u64,
    /// Requests for packets that were sent.
    pub nack_count: u32,
    /// Requests for pictures that were sent (PLI).
    pub pli_count: u32,
    /// The same by FIR.
    pub fir_count: u32,
}

/// `RTCOutboundRtpStreamStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct OutboundRtpStats {
    /// The stream.
    pub ssrc: u32,
    /// The stream of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// Its media section.
    pub mid: String,
    /// Which encoding of a simulcast it is.
    pub rid: Option<String>,
    /// Whether the other side wants it.
    pub active: bool,
    /// Packets that were sent, without those that were sent again.
    pub packets_sent: u64,
    /// Bytes of payload in them.
    pub bytes_sent: u64,
    /// Bytes of headers in them.
    pub header_bytes_sent: u64,
    /// Packets with the marker: frames of video.
    pub frames_sent: u64,
    /// Packets that were sent again.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload in them.
    pub retransmitted_bytes_sent: u64,
    /// Bytes of padding.
    pub padding_bytes_sent: u64,
    /// Packets that were not sent, for the first time or again, since their [shared](crate::Payload::Shared) payload was gone.
    pub payloads_gone: u64,
    /// Requests for packets that came.
    pub nack_count: u32,
    /// Requests for pictures that came (PLI).
    pub pli_count: u32,
    /// The same by FIR.
    pub fir_count: u32,
}

/// `RTCRemoteInboundRtpStreamStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RemoteInboundRtpStats {
    /// The stream that this side sends.
    pub ssrc: u32,
    /// Packets that did not arrive.
    pub packets_lost: i64,
    /// The share of those since the report before.
    pub fraction_lost: f64,
    /// By how much the time between packets varies.
    pub jitter: f64,
    /// The latest round trip.
    pub round_trip_time: Option<f64>,
    /// All of them together.
    pub total_round_trip_time: f64,
    /// How many that were.
    pub round_trip_time_measurements: u64,
}

/// `RTCRemoteOutboundRtpStreamStats`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RemoteOutboundRtpStats {
    /// The stream that this side receives.
    pub ssrc: u32,
    /// Packets that were sent.
    pub packets_sent: u64,
    /// Bytes of payload in them.
    pub bytes_sent: u64,
    /// Reports that came.
    pub reports_sent: u64,
}

/// `RTCDataChannelStats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct DataChannelStats {
    /// The application's name for it.
    pub label: String,
    /// What is spoken in it.
    pub protocol: String,
    /// The stream it has.
    pub data_channel_identifier: Option<u16>,
    /// How far it is.
    pub state: &'static str,
    /// Messages that were sent.
    pub messages_sent: u64,
    /// Bytes in them.
    pub bytes_sent: u64,
    /// Messages that came.
    pub messages_received: u64,
    /// Bytes in them.
    pub bytes_received: u64,
}
