//! The connection: what it is made of, and what applications ask of it.

mod drive;
mod negotiation;
mod piggyback;
mod pump;
mod statistics;
mod transceiver;

use crate::certificate::Certificate;
use crate::config::Config;
use crate::data_channel::{DataChannel, DataChannelError, DataChannelId, DataChannelInit, DataChannels};
use crate::dtls::{DtlsConfig, DtlsState, DtlsTransport};
use crate::error::Error;
use crate::event::{Drops, Event, PeerConnectionState};
use crate::media::{Media, MediaConfig, OutgoingRtp, ReceiveStreamId, SendError};
use crate::sctp::{RECEIVE_BUFFER_LEN, SctpState, SctpTransport};
use crate::snap::{SctpInit, Snap};
use crate::sped::Sped;
use crate::trace::Trace;
use moim_ice::{Agent, ConnectionId, IceServer, LocalAddress, NameId};
use moim_sdp::Direction;
use moim_sdp::jsep::{DtlsRole, Negotiator, SctpParameters, SignalingState, Transceiver, TransceiverId};
use moim_wire::Bitrate;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use transceiver::OwnTransceiver;

/// Events that wait to be told. Further ones are lost, and counted.
pub const EVENTS_MAX: usize = 1_024;
/// Candidates of the other side that are kept while its description is not there.
pub const EARLY_CANDIDATES_MAX: usize = 64;
/// The longest packet that [`PeerConnection::poll_transmit`] writes, in bytes: what its buffer has to hold.
pub const TRANSMIT_LEN_MAX: usize = moim_ice::TRANSMIT_LEN_MAX;

/// A peer connection: W3C's `RTCPeerConnection`, without a clock, sockets or threads.
///
/// A driver tells it its addresses and what comes to them, sends what [`poll_transmit`](Self::poll_transmit) hands out, comes back when
/// [`poll_timeout`](Self::poll_timeout) says, and reads [`poll_event`](Self::poll_event). The application makes transceivers and data channels, carries
/// descriptions and candidates to the other side, and sends.
///
/// Nothing has to be polled between two inputs. While there is something to poll, `poll_timeout` answers with a moment that has
/// passed.
pub struct PeerConnection {
    negotiator: Negotiator,
    ice: Agent,
    dtls: DtlsTransport,
    sctp: SctpTransport,
    channels: DataChannels,
    /// What of DTLS goes by checks, if that is wanted.
    sped: Option<Sped>,
    media: Media,
    certificate: Certificate,
    preferred_role: DtlsRole,
    is_lite: bool,
    random: ChaCha12Rng,
    cname: String,
    transceivers: BTreeMap<TransceiverId, OwnTransceiver>,
    /// What the other side's descriptions say about its end.
    remote: Option<RemoteEnd>,
    early_candidates: Vec<moim_ice::Candidate>,
    /// What descriptions tell of this side's SCTP, if they are to.
    sctp_init: Option<SctpInit>,
    /// Chunks of the other side's that SCTP cannot use.
    sctp_inits_refused: u64,
    wants_ice_restart: bool,
    is_negotiation_told: bool,
    /// Something has changed that may have to be negotiated.
    may_need_negotiation: bool,
    state: PeerConnectionState,
    phase: Phase,
    events: VecDeque<Event>,
    events_lost: u64,
    drops: Drops,
    trace: Trace,
    /// The latest time that was told.
    clock: Instant,
    /// The association may have something to send.
    sctp_may_send: bool,
}

/// What is known of the other end.
#[derive(Clone, Debug)]
struct RemoteEnd {
    ufrag: String,
    password: moim_sdp::IcePassword,
    role: DtlsRole,
    fingerprints: Vec<moim_sdp::Fingerprint>,
    sctp: Option<SctpParameters>,
    /// What SCTP needs no handshake for.
    snap: Option<Snap>,
}

/// Whether it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// It was closed, and goodbyes may still have to be sent.
    Closing,
    Closed,
}

impl fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerConnection")
            .field("state", &self.state)
            .field("ice", &self.ice)
            .field("dtls", &self.dtls)
            .field("sctp", &self.sctp)
            .finish_non_exhaustive()
    }
}

impl PeerConnection {
    /// A connection to nobody yet. The seed comes from a cryptographic random source.
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Result<Self, Error> {
        let mut random = ChaCha12Rng::from_seed(seed);
        let is_lite = config.ice.lite;
        let replay_seed = config.replayable.then(|| random.next_u64());
        let dtls =
            DtlsConfig::new(config.certificate.clone(), config.dtls_versions, replay_seed, config.sped)
                .map_err(|_| Error::Unavailable)?;
        // RFC 7022 §4.2: a name of chance, of 96 bits.
        let cname = format!("{:016x}{:08x}", random.next_u64(), random.next_u32());
        let media = MediaConfig {
            congestion: config.congestion,
            pacer: config.pacer,
            stored_packets_max: config.stored_packets_max,
            wall: config.wall,
            cname: cname.clone(),
        };
        // RFC 9429 §5.2.1: below 2^63.
        let session_id = random.next_u64() >> 1;
        let sctp_init = config.snap.then(|| SctpInit::random(RECEIVE_BUFFER_LEN, &mut random));
        Ok(Self {
            negotiator: Negotiator::new(config.capabilities, session_id),
            ice: Agent::new(config.ice, seed_of(&mut random), now),
            dtls: DtlsTransport::new(dtls),
            sctp: SctpTransport::new(),
            channels: DataChannels::new(config.buffered_amount_max),
            sped: config.sped.then(Sped::new),
            media: Media::new(media, seed_of(&mut random), now)?,
            certificate: config.certificate,
            preferred_role: config.preferred_role,
            is_lite,
            random,
            cname,
            transceivers: BTreeMap::new(),
            remote: None,
            early_candidates: Vec::new(),
            sctp_init,
            sctp_inits_refused: 0,
            wants_ice_restart: false,
            is_negotiation_told: false,
            may_need_negotiation: false,
            state: PeerConnectionState::New,
            phase: Phase::Open,
            events: VecDeque::new(),
            events_lost: 0,
            drops: Drops::default(),
            trace: Trace::default(),
            clock: now,
            sctp_may_send: false,
        })
    }

    /// How far the connection is as a whole.
    pub fn connection_state(&self) -> PeerConnectionState {
        self.state
    }

    /// How far ICE is.
    pub fn ice_connection_state(&self) -> moim_ice::ConnectionState {
        self.ice.connection_state()
    }

    /// How far gathering candidates is.
    pub fn gathering_state(&self) -> moim_ice::GatheringState {
        self.ice.gathering_state()
    }

    /// How far DTLS is.
    pub fn dtls_state(&self) -> DtlsState {
        self.dtls.state()
    }

    /// How far the exchange of descriptions is.
    pub fn signaling_state(&self) -> SignalingState {
        self.negotiator.signaling_state()
    }

    /// What has happened so far, step by step.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// How often packets were dropped, by reason.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// What ICE has counted.
    pub fn ice_counters(&self) -> &moim_ice::Counters {
        self.ice.counters()
    }

    /// All pairs of candidates that ICE tried or tries, in no order that means anything.
    pub fn ice_pairs(&self) -> impl Iterator<Item = moim_ice::PairStats<'_>> {
        self.ice.pairs()
    }

    /// The transceivers, in the order of their ids.
    pub fn transceivers(&self) -> &[Transceiver] {
        self.negotiator.transceivers()
    }

    /// A transceiver, with what is negotiated for it.
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.negotiator.transceiver(id)
    }

    // Where it is, and who helps.

    /// An address of the machine's that a socket is bound to.
    pub fn add_local_address(&mut self, local: LocalAddress, now: Instant) -> Result<(), Error> {
        self.ice.add_local_address(local, now)?;
        self.pump(now);
        Ok(())
    }

    /// The address is no more: the network has changed.
    pub fn remove_local_address(&mut self, address: SocketAddr, now: Instant) {
        self.ice.remove_local_address(address, now);
        self.pump(now);
    }

    /// A STUN or TURN server to ask.
    pub fn add_server(&mut self, server: IceServer, now: Instant) -> Result<(), Error> {
        self.ice.add_server(server, now)?;
        self.pump(now);
        Ok(())
    }

    /// What became of a name: [`Ask::ResolveName`](moim_ice::Ask::ResolveName).
    pub fn resolved(&mut self, id: NameId, ip: Option<IpAddr>, now: Instant) {
        self.ice.resolved(id, ip, now);
        self.pump(now);
    }

    /// A connection that [`Ask::Connect`](moim_ice::Ask::Connect) asked for is open, at this address of the machine's.
    pub fn connection_opened(&mut self, id: ConnectionId, local: SocketAddr, now: Instant) {
        self.ice.connection_opened(id, local, now);
        self.pump(now);
    }

    /// A connection that [`Ask::Connect`](moim_ice::Ask::Connect) asked for cannot be opened.
    pub fn connection_failed(&mut self, id: ConnectionId, now: Instant) {
        self.ice.connection_failed(id, now);
        self.pump(now);
    }

    /// A peer has connected to a passive address. An error means that the connection is to be closed.
    pub fn connection_accepted(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        now: Instant,
    ) -> Result<(), Error> {
        self.ice.connection_accepted(local, remote, now)?;
        self.pump(now);
        Ok(())
    }

    /// A connection is closed.
    pub fn connection_closed(&mut self, local: SocketAddr, remote: SocketAddr, now: Instant) {
        self.ice.connection_closed(local, remote, now);
        self.pump(now);
    }

    /// The operating system says that a packet did not reach its destination.
    pub fn unreachable(&mut self, local: SocketAddr, remote: SocketAddr) {
        self.ice.unreachable(local, remote);
    }

    // Media.

    /// Gives a media packet to be sent by an encoding of a transceiver: 0, or that of a simulcast in the order they were made.
    ///
    /// [`poll_transmit`](Self::poll_transmit) hands it out when it is its turn. Until then its payload is copied, or
    /// [lies elsewhere](crate::Payload::Shared).
    pub fn send_rtp(
        &mut self,
        transceiver: TransceiverId,
        encoding: usize,
        packet: &OutgoingRtp<'_>,
        now: Instant,
    ) -> Result<(), SendError> {
        if self.phase != Phase::Open {
            return Err(SendError::NotConnected);
        }
        self.clock = now;
        self.media.send(transceiver.0, encoding, packet, now)
    }

    /// Asks the sender of a stream for a key frame, unless that was done a moment ago. False: there is no such stream.
    pub fn request_key_frame(&mut self, stream: ReceiveStreamId, now: Instant) -> bool {
        self.clock = now;
        self.media.request_key_frame(stream, now)
    }

    /// Between which rates the target moves.
    pub fn set_bitrate_limits(&mut self, min: Bitrate, max: Bitrate, now: Instant) -> Result<(), Error> {
        Ok(self.media.set_bitrate_limits(min, max, now)?)
    }

    /// How much media may be sent at present, and how often the other side has told what of it arrives: before that, the rate is a guess. [`None`]: it
    /// does not tell, and there is no limit.
    pub fn target_bitrate(&self) -> Option<(Bitrate, u64)> {
        let congestion = self.media.congestion()?;
        Some((congestion.target, congestion.counters.reports))
    }

    /// What media would use if it might, all senders together: probes look no further.
    pub fn set_demand(&mut self, demand: Bitrate, now: Instant) {
        self.media.set_demand(demand, now);
    }

    // Data channels.

    /// Makes a data channel.
    pub fn create_data_channel(
        &mut self,
        init: DataChannelInit,
        now: Instant,
    ) -> Result<DataChannelId, Error> {
        self.check_open()?;
        self.negotiator.add_data_section()?;
        let id = self.channels.create(init, &mut self.sctp)?;
        self.sctp_may_send = true;
        self.may_need_negotiation = true;
        self.pump(now);
        Ok(id)
    }

    /// A data channel. [`None`]: there is none, or it is closed.
    pub fn data_channel(&self, id: DataChannelId) -> Option<&DataChannel> {
        self.channels.channel(id)
    }

    /// The data channels that there are.
    pub fn data_channels(&self) -> impl Iterator<Item = (DataChannelId, &DataChannel)> {
        self.channels.channels()
    }

    /// Sends text by a data channel.
    pub fn send_text(&mut self, id: DataChannelId, text: &str, now: Instant) -> Result<(), DataChannelError> {
        self.send_data(id, false, text.as_bytes(), now)
    }

    /// Sends bytes by a data channel.
    pub fn send_binary(
        &mut self,
        id: DataChannelId,
        data: &[u8],
        now: Instant,
    ) -> Result<(), DataChannelError> {
        self.send_data(id, true, data, now)
    }

    /// Bytes that wait in a data channel to be delivered.
    pub fn buffered_amount(&mut self, id: DataChannelId) -> usize {
        self.channels.buffered_amount(id, &mut self.sctp)
    }

    /// Of how many bytes that wait, or fewer, to tell by [`DataChannelEvent::BufferedAmountLow`](crate::DataChannelEvent::BufferedAmountLow).
    pub fn set_buffered_amount_low_threshold(
        &mut self,
        id: DataChannelId,
        threshold: usize,
    ) -> Result<(), DataChannelError> {
        self.channels.set_low_threshold(id, threshold, &mut self.sctp)
    }

    /// Ends a data channel after what was sent by it is delivered.
    pub fn close_data_channel(&mut self, id: DataChannelId, now: Instant) -> Result<(), DataChannelError> {
        self.channels.close(id, &mut self.sctp)?;
        self.sctp_may_send = true;
        self.pump(now);
        Ok(())
    }

    /// The longest message that the other side takes, in bytes.
    pub fn max_message_size(&self) -> u32 {
        self.sctp.send_len_max()
    }

    /// Whether data channels are connected.
    pub fn is_data_connected(&self) -> bool {
        self.sctp.state() == SctpState::Connected
    }

    /// Ends the connection. What is left to be sent for that (goodbyes) is still polled.
    pub fn close(&mut self, now: Instant) {
        if self.phase != Phase::Open {
            return;
        }
        self.clock = now;
        self.phase = Phase::Closing;
        let signaling_before = self.negotiator.signaling_state();
        self.negotiator.close();
        self.note_signaling(signaling_before);
        self.media.say_goodbye(now);
        self.channels.close_all();
        self.sctp.close();
        self.dtls.close(now);
        self.trace.ok("connection.close", "", now);
        self.set_state(PeerConnectionState::Closed);
    }

    fn send_data(
        &mut self,
        id: DataChannelId,
        binary: bool,
        data: &[u8],
        now: Instant,
    ) -> Result<(), DataChannelError> {
        self.clock = now;
        self.channels.send(id, binary, data, &mut self.sctp, now)?;
        self.sctp_may_send = true;
        Ok(())
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.phase == Phase::Open { Ok(()) } else { Err(Error::Closed) }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.events_lost += 1;
        }
    }

    fn set_state(&mut self, state: PeerConnectionState) {
        if self.state != state {
            self.state = state;
            self.trace.ok("connection.state", state.as_str(), self.clock);
            self.tell(Event::ConnectionStateChange(state));
        }
    }

    /// Which way the media of a transceiver shall go from the next negotiation on.
    pub fn set_direction(
        &mut self,
        id: TransceiverId,
        direction: Direction,
        now: Instant,
    ) -> Result<(), Error> {
        self.negotiator.set_direction(id, direction)?;
        self.may_need_negotiation = true;
        self.pump(now);
        Ok(())
    }
}

fn seed_of(random: &mut ChaCha12Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    random.fill_bytes(&mut seed);
    seed
}
