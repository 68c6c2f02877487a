//! A peer connection on sockets.

mod framing;
mod inbound;
mod interfaces;
mod mdns;
mod network;
mod outbound;
mod servers;
mod stream;

pub use inbound::ReceivedFrame;
pub use network::{NetworkCounters, NetworkOptions};
pub use servers::IceServers;
pub(crate) use stream::{MessageStream, Opening};

use crate::error::Error;
use crate::media::EncodedFrame;
use inbound::Inbound;
use moim_ice::{Ask, TransportPolicy};
use moim_peer::{
    Certificate, Config, Event, Handled, PeerConnection, PeerConnectionState, Received, TRANSMIT_LEN_MAX,
    Transmit,
};
use moim_sdp::jsep::{SignalingState, TransceiverId};
use moim_wire::{Deadline, NtpTime};
use network::{Arrival, Network};
use outbound::Outbound;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::time::{Duration, Instant, SystemTime};
use tokio::task::yield_now;
use tokio::time::timeout_at;

/// Room for whatever arrives: a datagram, or a message out of a stream.
const INPUT_LEN: usize = 65_536;
/// Packets and deadlines that are handled in one go before other tasks have their turn.
const TURN_MAX: u32 = 64;
/// How long the last packets of a connection that is closed may take to leave.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(500);
/// How long to sleep when there is nothing to wake up for: network changes are looked for more often than that anyway.
const IDLE: Duration = Duration::from_secs(60);

/// What a connection is made with.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// What it may use of this machine.
    pub network: NetworkOptions,
    /// What it shows.
    pub certificate: Certificate,
    /// Whether the other side must not learn this machine's addresses: everything goes through relays.
    pub relay_only: bool,
    /// Whether drafts are used that save round trips, with those who use them too: SNAP ([`Config::snap`]) and SPED ([`Config::sped`]).
    pub drafts: bool,
    /// The STUN and TURN servers.
    pub servers: IceServers,
}

/// What happens with a connection.
#[derive(Debug)]
pub enum ConnectionEvent {
    /// Something that the peer connection says, and that is the application's to handle.
    Peer(Event),
    /// A frame came, whole.
    Frame(ReceivedFrame),
    /// This machine has other addresses than before. Paths from the new ones are looked for; a restart of ICE finds all that there are
    /// now.
    NetworkChanged,
}

/// A peer connection on sockets of its own: [`moim_peer::PeerConnection`], driven.
///
/// What W3C's `RTCPeerConnection` does, [`Self::peer`] does; what follows from that happens while [`Self::next`] is awaited, which may
/// be given up and begun again at any time. One task holds a connection, and hears of everything in order.
pub struct Connection {
    peer: Box<PeerConnection>,
    network: Network,
    inbound: Inbound,
    outbound: Outbound,
    events: VecDeque<ConnectionEvent>,
    input: Box<[u8]>,
    output: Box<[u8]>,
    /// What was handled since other tasks had their turn.
    turn: u32,
    /// Both sides knew once, while connected, what the other one sends.
    has_agreed: bool,
}

impl Connection {
    /// A connection to nobody yet.
    pub fn new(options: ConnectionOptions) -> Result<Self, Error> {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut config = Config::new(options.certificate, NtpTime::from_unix(wall));
        if options.relay_only {
            config.ice.policy = TransportPolicy::Relay;
        }
        (config.snap, config.sped) = (options.drafts, options.drafts);
        let seed = crate::room::random_bytes();
        let peer = PeerConnection::new(config, seed, Instant::now()).map_err(connection)?;
        let mut this = Self {
            peer: Box::new(peer),
            network: Network::new(options.network),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            events: VecDeque::new(),
            input: vec![0; INPUT_LEN].into(),
            output: vec![0; TRANSMIT_LEN_MAX].into(),
            turn: 0,
            has_agreed: false,
        };
        this.set_servers(options.servers);
        Ok(this)
    }

    /// The connection itself, to look at.
    pub fn peer(&self) -> &PeerConnection {
        &self.peer
    }

    /// The connection itself, to act on.
    pub fn peer_mut(&mut self) -> &mut PeerConnection {
        &mut self.peer
    }

    /// What could not be sent.
    pub fn network_counters(&self) -> NetworkCounters {
        self.network.counters()
    }

    /// STUN and TURN servers to ask from now on, beside those that are known.
    pub fn set_servers(&mut self, servers: IceServers) {
        self.network.add_server_names(servers.names);
        for server in servers.servers {
            if let Err(error) = self.peer.add_server(server, Instant::now()) {
                tracing::debug!(%error, "an ICE server is not used");
            }
        }
    }

    /// Sends a frame by a transceiver: by the first of its encodings. See [`Self::send_encoding`].
    pub fn send_frame(&mut self, transceiver: TransceiverId, frame: &EncodedFrame) -> bool {
        self.send_encoding(transceiver, 0, frame)
    }

    /// Sends a frame by an encoding of a transceiver. Returns whether it is on its way: not, if its codec was not negotiated, or nobody wants it
    /// now.
    ///
    /// Nothing is sent while the first offers are still being answered: Firefox never shows a picture whose first packets come while it takes up
    /// another description.
    pub fn send_encoding(
        &mut self,
        transceiver: TransceiverId,
        encoding: usize,
        frame: &EncodedFrame,
    ) -> bool {
        self.has_agreed |= self.peer.connection_state() == PeerConnectionState::Connected
            && self.peer.signaling_state() == SignalingState::Stable;
        if !self.has_agreed {
            return false;
        }
        self.outbound.send(&mut self.peer, (transceiver, encoding), frame, Instant::now())
    }

    /// Asks the other side for a key frame of what it sends by a transceiver.
    pub fn request_key_frame(&mut self, transceiver: TransceiverId) {
        self.inbound.request_key_frame(&mut self.peer, transceiver, Instant::now());
    }

    /// Waits for what happens next. May be given up and begun again.
    pub async fn next(&mut self) -> ConnectionEvent {
        loop {
            let now = Instant::now();
            self.drain(now);
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.turn += 1;
            if self.turn >= TURN_MAX {
                self.turn = 0;
                yield_now().await;
            }
            let soonest = Deadline::soonest(self.peer.poll_timeout(), self.inbound.poll_timeout());
            let due = soonest.map_or(now + IDLE, |deadline| deadline.at);
            let Self { network, input, .. } = self;
            let arrival = poll_fn(|context| network.poll(context, input));
            if let Ok(arrival) = timeout_at(due.into(), arrival).await {
                self.handle_arrival(&arrival);
            } else {
                self.peer.handle_timeout(Instant::now());
            }
        }
    }

    /// Ends the connection, and gives its goodbyes a moment to leave.
    pub async fn close(mut self) {
        self.peer.close(Instant::now());
        self.drain(Instant::now());
        let Self { network, input, .. } = &mut self;
        let end = Instant::now() + CLOSE_TIME_MAX;
        // Streams are written while something is waited for.
        while network.has_backlog() {
            let arrival = poll_fn(|context| network.poll(context, input));
            if timeout_at(end.into(), arrival).await.is_err() {
                return;
            }
        }
    }

    /// Sends what is to be sent, and collects what has happened.
    fn drain(&mut self, now: Instant) {
        loop {
            while let Some(Transmit { local, remote, protocol, len }) =
                self.peer.poll_transmit(&mut self.output, now)
            {
                let transmit = moim_ice::Transmit { local, remote, protocol, len };
                self.network.send(&transmit, &self.output[..len]);
            }
            let Some(event) = self.peer.poll_event() else { break };
            self.handle_event(event);
        }
        self.inbound.poll(&mut self.peer, &mut self.events, now);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all but these are the application's, also those to come"
    )]
    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Ask(Ask::ResolveName { id, name }) => self.network.look_up(id, name),
            Event::Ask(Ask::Connect { id, local, bind_port, remote, protocol, framing }) => {
                self.network.open(id, (local, bind_port), remote, protocol, framing);
            }
            Event::Ask(Ask::Disconnect { local, remote, id }) => self.network.close(local, remote, id),
            event => self.events.push_back(ConnectionEvent::Peer(event)),
        }
    }

    fn handle_arrival(&mut self, arrival: &Arrival) {
        let now = Instant::now();
        match *arrival {
            Arrival::Packet { local, remote, protocol, len } => {
                let bytes = &mut self.input[..len];
                match self.peer.handle_input(Received { local, remote, protocol, bytes }, now) {
                    Handled::Rtp(rtp) => self.inbound.insert(&self.peer, &rtp, &self.input, now),
                    // The peer connection counts what it drops.
                    Handled::Taken | Handled::NotForMe | Handled::Dropped(_) => {}
                }
            }
            Arrival::Opened { id, local } => self.peer.connection_opened(id, local, now),
            Arrival::OpenFailed { id } => self.peer.connection_failed(id, now),
            Arrival::Accepted { local, remote } => {
                if self.peer.connection_accepted(local, remote, now).is_err() {
                    self.network.close(Some(local), remote, None);
                }
            }
            Arrival::Closed { local, remote } => self.peer.connection_closed(local, remote, now),
            Arrival::Resolved { id, address } => self.peer.resolved(id, address, now),
            Arrival::AddressAdded(address) => {
                if let Err(error) = self.peer.add_local_address(address, now) {
                    tracing::debug!(%error, "an address of this machine is not used");
                }
            }
            Arrival::AddressRemoved(address) => self.peer.remove_local_address(address, now),
            Arrival::Changed => self.events.push_back(ConnectionEvent::NetworkChanged),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.peer.connection_state()).finish_non_exhaustive()
    }
}

/// A certificate for the connections of one program.
pub fn certificate() -> Result<Certificate, Error> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Certificate::generate(since_1970).map_err(connection)
}

/// What went wrong with a connection, in words.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
pub(crate) fn connection(error: impl ToString) -> Error {
    Error::Connection(error.to_string())
}
