//! SCTP over DTLS (RFC 8261): `sctp-proto`, driven, with one association.
//!
//! The DTLS client opens the association, as browsers expect. A DTLS server listens, and opens it itself if nothing has come
//! after [`LISTEN_MAX`]: some stacks go by another role, and two that listen would wait for ever.
//!
//! Verification tags and the first TSN come from the operating system, since `sctp-proto` takes no seed; nothing that happens
//! depends on which they are.
//!
//! # Left out
//! Message interleaving (RFC 8260), which `sctp-proto` has not. Messages leave in the order they are written: whoever has more of them than
//! [has room](SctpTransport::has_room) decides which one is next.

use bytes::Bytes;
use moim_wire::Deadline;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, Transmit, TransportConfig,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dcep::Reliability;
use crate::dtls::{DATAGRAM_LEN_MAX, RECORD_OVERHEAD};
use crate::snap::Snap;

/// The longest message that is taken, in bytes, as browsers have it (RFC 8841 §6).
pub const MESSAGE_LEN_MAX: u32 = 262_144;
/// What the other side takes if its description does not say (RFC 8841 §6.1).
pub(crate) const MESSAGE_LEN_DEFAULT: u32 = 65_536;
/// How long a DTLS server waits for the other side to open the association.
const LISTEN_MAX: Duration = Duration::from_millis(750);
/// Messages that came and were not read may fill so many bytes: several of the longest.
pub(crate) const RECEIVE_BUFFER_LEN: u32 = 1 << 20;
/// Times of retransmission, as browsers have them: ICE watches over the path.
const RTO_INITIAL_MS: u64 = 500;
const RTO_MIN_MS: u64 = 400;
const RTO_MAX_MS: u64 = 10_000;
/// How often opening an association is tried.
const INIT_RETRANSMITS_MAX: usize = 16;
/// The headers of a packet with one chunk (RFC 9260 §3).
const PACKET_OVERHEAD: usize = 12 + 16;
/// The longest part of a message that goes in one packet. Chunks are padded to four bytes.
#[expect(clippy::cast_possible_truncation, reason = "it is shorter than a datagram")]
const FRAGMENT_LEN_MAX: u32 = ((DATAGRAM_LEN_MAX - RECORD_OVERHEAD - PACKET_OVERHEAD) & !3) as u32;
/// Packets that were made and wait for their turn. `sctp-proto` makes more than one at a time.
const OUTGOING_MAX: usize = 256;
/// Streams that the other side may have open at a time: twice the channels there may be. Each costs memory, and time with every packet,
/// so that whoever opens more is not listened to any more.
const THEIR_STREAMS_MAX: usize = 2 * crate::data_channel::CHANNELS_MAX;
/// Bytes with data that may come without this side acknowledging that it has room for more. `sctp-proto` takes what it misses however full it is, and
/// whoever leaves gaps on purpose has it miss what he likes.
const UNWELCOME_LEN_MAX: usize = 4 << 20;
/// Bytes that wait within SCTP for their first time on the way, before it is given more: few, so that what matters more need not wait behind
/// them, and some packets full.
const UNSENT_LEN_MAX: usize = 16 << 10;
/// There is one other side, whatever its address.
const REMOTE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

/// What an association tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SctpEvent {
    Connected,
    /// There is no association any more, and why.
    Lost(String),
    /// There are messages to read.
    Readable(u16),
    /// Nothing comes or goes on this stream any more.
    Finished(u16),
    /// The stream can be used anew, or not if the reset failed.
    Reset {
        stream: u16,
        is_usable: bool,
    },
}

/// How far it is, in the words of W3C's `RTCSctpTransportState`; and `Idle` before anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SctpState {
    #[default]
    Idle,
    Connecting,
    Connected,
    Closed,
}

/// What went wrong with a message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSent;

/// Who opens the association, and with what.
#[derive(Clone, Debug)]
pub(crate) struct SctpStart {
    pub(crate) is_client: bool,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    /// The longest message that the other side takes.
    pub(crate) send_len_max: u32,
    /// What descriptions have told already.
    pub(crate) snap: Option<Snap>,
}

/// The SCTP transport of a connection.
pub(crate) struct SctpTransport {
    state: SctpState,
    endpoint: Option<Endpoint>,
    association: Option<(AssociationHandle, Association)>,
    start: Option<SctpStart>,
    /// When to stop waiting for the other side to begin.
    listens_until: Option<Instant>,
    outgoing: VecDeque<Bytes>,
    /// Streams that the other side has opened.
    theirs: BTreeSet<u16>,
    /// Bytes that have come since this side told of room.
    unwelcome_len: usize,
    /// Bytes of streams that have been written and not sent.
    unsent: BTreeMap<u16, usize>,
    /// The TSN that was sent last.
    latest_tsn: Option<u32>,
}

impl fmt::Debug for SctpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SctpTransport").field("state", &self.state).finish_non_exhaustive()
    }
}

impl SctpTransport {
    pub(crate) fn new() -> Self {
        Self {
            state: SctpState::Idle,
            endpoint: None,
            association: None,
            start: None,
            listens_until: None,
            outgoing: VecDeque::new(),
            theirs: BTreeSet::new(),
            unwelcome_len: 0,
            unsent: BTreeMap::new(),
            latest_tsn: None,
        }
    }

    pub(crate) fn state(&self) -> SctpState {
        self.state
    }

    /// Whether descriptions have told all that a handshake would.
    pub(crate) fn did_without_handshake(&self) -> bool {
        self.state == SctpState::Connected && self.start.as_ref().is_some_and(|start| start.snap.is_some())
    }

    /// Begins; DTLS is connected.
    pub(crate) fn start(&mut self, start: SctpStart, now: Instant) {
        if self.state != SctpState::Idle {
            return;
        }
        self.state = SctpState::Connecting;
        let mut server = ServerConfig::new();
        server.transport = Arc::new(transport_config(&start));
        self.endpoint = Some(Endpoint::new(Arc::new(endpoint_config()), Some(Arc::new(server))));
        let opens = start.is_client || start.snap.is_some();
        self.start = Some(start);
        if opens {
            self.connect();
        } else {
            self.listens_until = Some(now + LISTEN_MAX);
        }
    }

    /// The longest message that the other side takes from now on.
    pub(crate) fn set_send_len_max(&mut self, len: u32) {
        if let Some(start) = &mut self.start {
            start.send_len_max = len;
        }
        if let Some((_, association)) = &mut self.association {
            association.set_max_send_message_size(len);
        }
    }

    /// The longest message that the other side takes.
    pub(crate) fn send_len_max(&self) -> u32 {
        self.start.as_ref().map_or(MESSAGE_LEN_DEFAULT, |start| start.send_len_max)
    }

    /// Takes in a packet.
    pub(crate) fn handle_packet(&mut self, packet: Bytes, now: Instant) {
        let Some(endpoint) = &mut self.endpoint else { return };
        if chunks(&packet).any(|(kind, _)| kind == DATA) {
            self.unwelcome_len = self.unwelcome_len.saturating_add(packet.len());
        }
        if self.unwelcome_len > UNWELCOME_LEN_MAX {
            return;
        }
        match endpoint.handle(now, REMOTE, None, None, packet) {
            Some((_, DatagramEvent::NewAssociation(association))) if self.association.is_some() => {
                // One association is all there is. `reject_new_associations` has refused it already; this is for certain.
                drop(association);
            }
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                endpoint.reject_new_associations();
                self.listens_until = None;
                self.association = Some((handle, association));
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((own, association)) = &mut self.association
                    && *own == handle
                {
                    association.handle_event(event);
                }
            }
            None => {}
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.listens_until.is_some_and(|at| at <= now) {
            self.connect();
        }
        if let Some((_, association)) = &mut self.association
            && association.poll_timeout().is_some_and(|at| at <= now)
        {
            association.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        let listening = self.listens_until.map(|at| Deadline::new(at, "sctp open"));
        let association = self.association.as_ref().and_then(|(_, association)| association.poll_timeout());
        Deadline::soonest(listening, association.map(|at| Deadline::new(at, "sctp")))
    }

    /// The next packet to send.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.outgoing.is_empty() {
            let transmit = self.endpoint.as_mut().and_then(Endpoint::poll_transmit).or_else(|| {
                self.association.as_mut().and_then(|(_, association)| association.poll_transmit(now))
            });
            if let Some(Transmit { payload: Payload::RawEncode(packets), .. }) = transmit {
                self.outgoing.extend(packets.into_iter().take(OUTGOING_MAX));
            }
        }
        let packet = self.outgoing.pop_front()?;
        if tells_of_room(&packet) {
            self.unwelcome_len = 0;
        }
        self.note_sent(&packet);
        Some(packet)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what else there is, or will be, is not asked about")]
    pub(crate) fn poll_event(&mut self) -> Option<SctpEvent> {
        loop {
            let (_, association) = self.association.as_mut()?;
            if self.unwelcome_len > UNWELCOME_LEN_MAX {
                self.close();
                return Some(SctpEvent::Lost(
                    "the other side has sent what there was no room for".to_owned(),
                ));
            }
            let event = match association.poll()? {
                Event::Stream(StreamEvent::Opened { id }) => {
                    // The association keeps a list of these until somebody asks.
                    while association.accept_stream().is_some() {}
                    self.theirs.insert(id);
                    if self.theirs.len() > THEIR_STREAMS_MAX {
                        self.close();
                        return Some(SctpEvent::Lost(
                            "the other side has opened too many streams".to_owned(),
                        ));
                    }
                    SctpEvent::Readable(id)
                }
                Event::Connected => {
                    self.state = SctpState::Connected;
                    SctpEvent::Connected
                }
                Event::HandshakeFailed { reason } | Event::AssociationLost { reason } => {
                    self.state = SctpState::Closed;
                    SctpEvent::Lost(reason.to_string())
                }
                Event::Stream(event) => match event {
                    StreamEvent::Readable { id } => SctpEvent::Readable(id),
                    StreamEvent::Finished { id } => {
                        self.theirs.remove(&id);
                        SctpEvent::Finished(id)
                    }
                    StreamEvent::ResetComplete { id } => {
                        self.theirs.remove(&id);
                        SctpEvent::Reset { stream: id, is_usable: true }
                    }
                    StreamEvent::ResetFailed { id, .. } => SctpEvent::Reset { stream: id, is_usable: false },
                    _ => continue,
                },
                _ => continue,
            };
            return Some(event);
        }
    }

    /// Opens a stream, or takes over one on which something came already.
    pub(crate) fn open_stream(&mut self, stream: u16, ordered: bool, reliability: Reliability) -> bool {
        let Some((_, association)) = &mut self.association else { return false };
        if association.stream(stream).is_err()
            && association.open_stream(stream, PayloadProtocolIdentifier::Binary).is_err()
        {
            return false;
        }
        self.set_delivery(stream, ordered, reliability)
    }

    /// How the messages of a stream are delivered from now on.
    pub(crate) fn set_delivery(&mut self, stream: u16, ordered: bool, reliability: Reliability) -> bool {
        let (kind, value) = match reliability {
            Reliability::Reliable => (ReliabilityType::Reliable, 0),
            Reliability::MaxRetransmits(count) => (ReliabilityType::Rexmit, count),
            Reliability::MaxPacketLifeTime(ms) => (ReliabilityType::Timed, ms),
        };
        self.with_stream(stream, |mut stream| stream.set_reliability_params(!ordered, kind, value)).is_some()
    }

    /// Sends a message.
    pub(crate) fn write(
        &mut self,
        stream: u16,
        ppid: PayloadProtocolIdentifier,
        message: &Bytes,
    ) -> Result<(), NotSent> {
        self.with_stream(stream, |mut stream| stream.write_sctp(message, ppid)).ok_or(NotSent)?;
        *self.unsent.entry(stream).or_default() += message.len();
        Ok(())
    }

    /// Whether so little waits to be sent that more may be written.
    pub(crate) fn has_room(&mut self) -> bool {
        if self.unsent_len() < UNSENT_LEN_MAX {
            return true;
        }
        // What was given up before it was sent does not wait any more.
        let mut unsent = std::mem::take(&mut self.unsent);
        unsent.retain(|stream, len| {
            *len = self.buffered_amount(*stream).min(*len);
            *len > 0
        });
        self.unsent = unsent;
        self.unsent_len() < UNSENT_LEN_MAX
    }

    fn unsent_len(&self) -> usize {
        self.unsent.values().sum()
    }

    fn note_sent(&mut self, packet: &[u8]) {
        for (_, value) in chunks(packet).filter(|(kind, _)| *kind == DATA) {
            // RFC 9260 §3.3.1: TSN, stream, number and protocol, and the bytes.
            let [t0, t1, t2, t3, s0, s1, _, _, _, _, _, _, data @ ..] = value else { continue };
            let tsn = u32::from_be_bytes([*t0, *t1, *t2, *t3]);
            // RFC 1982: the half of all numbers that is ahead is later.
            let is_new =
                self.latest_tsn.is_none_or(|latest| (1..1 << 31).contains(&tsn.wrapping_sub(latest)));
            if is_new {
                self.latest_tsn = Some(tsn);
                let stream = u16::from_be_bytes([*s0, *s1]);
                if let Some(len) = self.unsent.get_mut(&stream) {
                    *len = len.saturating_sub(data.len());
                    if *len == 0 {
                        self.unsent.remove(&stream);
                    }
                }
            }
        }
    }

    /// Reads the next message of a stream.
    pub(crate) fn read(&mut self, stream: u16) -> Option<(PayloadProtocolIdentifier, Vec<u8>)> {
        let chunks = self.with_stream(stream, |mut stream| stream.read_sctp())??;
        let mut message = vec![0; chunks.len()];
        chunks.read(&mut message).ok()?;
        Some((chunks.ppi, message))
    }

    /// Ends a stream in both directions (RFC 6525). False: it cannot be now.
    pub(crate) fn reset(&mut self, stream: u16) -> bool {
        self.with_stream(stream, |mut stream| stream.close()).is_some()
    }

    /// Bytes of a stream that are not delivered yet.
    pub(crate) fn buffered_amount(&mut self, stream: u16) -> usize {
        self.with_stream(stream, |stream| stream.buffered_amount()).unwrap_or(0)
    }

    /// Ends the association at once. The DTLS transport says goodbye for both.
    pub(crate) fn close(&mut self) {
        if let Some((_, association)) = &mut self.association {
            // What it has to say about it is not news.
            let _ = association.close();
        }
        self.state = SctpState::Closed;
        self.association = None;
        self.endpoint = None;
        self.listens_until = None;
        self.outgoing.clear();
        self.theirs.clear();
        self.unsent.clear();
    }

    fn connect(&mut self) {
        self.listens_until = None;
        let (Some(endpoint), Some(start)) = (&mut self.endpoint, &self.start) else { return };
        // An endpoint without a configuration for a server panics at an INIT; this one refuses it.
        endpoint.reject_new_associations();
        match endpoint.connect(client_config(start), REMOTE) {
            Ok(association) => self.association = Some(association),
            Err(_) => self.state = SctpState::Closed,
        }
    }

    fn with_stream<T>(
        &mut self,
        stream: u16,
        act: impl FnOnce(sctp_proto::Stream<'_>) -> Result<T, sctp_proto::Error>,
    ) -> Option<T> {
        let (_, association) = self.association.as_mut()?;
        act(association.stream(stream).ok()?).ok()
    }
}

/// Whether SCTP can do without a handshake with these chunks.
pub(crate) fn can_do_without_handshake(snap: Snap) -> bool {
    let start =
        SctpStart { is_client: true, local_port: 1, remote_port: 1, send_len_max: 1, snap: Some(snap) };
    let mut endpoint = Endpoint::new(Arc::new(endpoint_config()), None);
    endpoint.connect(client_config(&start), REMOTE).is_ok()
}

/// Types of chunks (RFC 9260 §3.2).
pub(crate) const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;

/// Whether a packet has a SACK by which more may be sent (RFC 9260 §3.3.4), or makes an association, which tells of room as well.
fn tells_of_room(packet: &[u8]) -> bool {
    chunks(packet).any(|(kind, value)| {
        let room = value.get(4..).and_then(<[u8]>::first_chunk);
        matches!(kind, INIT | INIT_ACK | SACK) && room.is_some_and(|room| *room != [0; 4])
    })
}

/// The chunks of a packet (RFC 9260 §3.2): their types, and what follows their headers.
pub(crate) fn chunks(packet: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = packet.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [kind, _, high, low, value @ ..] = rest else { return None };
        let len = usize::from(u16::from_be_bytes([*high, *low])).max(4);
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((*kind, value.get(..len - 4).unwrap_or(value)))
    })
}

fn transport_config(start: &SctpStart) -> TransportConfig {
    TransportConfig::default()
        .with_max_receive_buffer_size(RECEIVE_BUFFER_LEN)
        .with_max_receive_message_size(MESSAGE_LEN_MAX)
        .with_max_send_message_size(start.send_len_max)
        .with_max_init_retransmits(Some(INIT_RETRANSMITS_MAX))
        // ICE ends the connection when nothing comes back; until then there is hope for every message.
        .with_max_data_retransmits(None)
        .with_rto_initial_ms(RTO_INITIAL_MS)
        .with_rto_min_ms(RTO_MIN_MS)
        .with_rto_max_ms(RTO_MAX_MS)
        .with_local_port(start.local_port)
        .with_remote_port(start.remote_port)
}

fn client_config(start: &SctpStart) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.transport = Arc::new(transport_config(start));
    match &start.snap {
        Some(Snap { local, remote }) => config.with_snap(local.as_bytes().clone(), remote.as_bytes().clone()),
        None => config,
    }
}

fn endpoint_config() -> EndpointConfig {
    let mut config = EndpointConfig::new();
    config.max_payload_size(FRAGMENT_LEN_MAX);
    config
}
