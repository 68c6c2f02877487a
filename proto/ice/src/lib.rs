//! An ICE agent (RFC 8445): bytes and time in, bytes and a path out.
//!
//! A driver owns sockets, connections, name resolution and the clock. It tells the [`Agent`] which addresses it has bound
//! ([`Agent::add_local_address`]) and which servers there are ([`Agent::add_server`]), begins with [`Agent::gather`], and carries what
//! [`Event::LocalCandidate`] and [`Agent::local_credentials`] say to the peer, and what the peer says to [`Agent::set_remote`] and
//! [`Agent::add_remote_candidate`]. It gives packets to [`Agent::handle_input`], sends what [`Agent::poll_transmit`] hands out, calls
//! [`Agent::handle_timeout`] when [`Agent::poll_timeout`] says, and reads [`Agent::poll_event`].
//!
//! # Data
//! [`Agent::selected`] says by which pair application packets go, and [`Agent::route`] how: neither searches nor allocates. A packet
//! that comes is data if [`Handled::Data`] says so, and lies where it says: what a relay put around it is taken off.
//!
//! # What it speaks
//! RFC 8445, full and lite; trickle ICE both ways (RFC 8838); consent (RFC 7675); patience (RFC 8863); candidates of TCP (RFC 6544);
//! dual stack (RFC 8421); and relays (RFC 8656) over UDP, TCP and TLS by [`moim_turn::client`].
//!
//! # What it carries
//! [`Agent::set_extras`] has checks and their answers carry attributes that are somebody else's, such as DTLS; [`Event::Extras`] tells of those that come.
//!
//! # Where it does otherwise
//! - One component: RTP and RTCP share it, as everywhere in WebRTC (RFC 8835 §3.4).
//! - Data goes by the best valid pair before one is nominated, as RFC 8445 §12.1 allows; and when the nominated pair is lost, another
//!   that was kept alive takes over at once, without a restart.
//! - Two lite agents do not connect: neither could prove that the other consents, without which nothing is sent (RFC 7675 §4).
//! - An error response without message integrity is believed if it says 487: whoever can forge it could as well have kept the answer.

mod agent;
mod candidate;
mod config;
mod credentials;
mod event;
mod extras;
pub mod framing;
mod pair;
mod route;
mod stats;
mod table;

pub use agent::{
    ACCEPTED_MAX, Agent, CHECKS_MAX, CONNECTIONS_MAX, EVENTS_MAX, LOCAL_ADDRESSES_MAX, LOCAL_CANDIDATES_MAX,
    NAMES_ASKED_MAX, NAMES_MAX, PAIRS_MAX, PEER_REFLEXIVE_MAX, RELAYS_MAX, REMOTE_CANDIDATES_MAX,
    SERVERS_MAX, TRANSMIT_LEN_MAX, TRANSMITS_MAX,
};
pub use candidate::{
    COMPONENT, Candidate, CandidateAddress, CandidateKind, CandidateProtocol, FOUNDATION_LEN_MAX, Foundation,
    InvalidFoundation, Protocol, TcpType, priority,
};
pub use config::{
    Config, IceRole, IceServer, LocalAddress, Nomination, PACE_MIN, Timing, TransportPolicy, TurnTransport,
};
pub use credentials::{CredentialError, IceCredentials, PASSWORD_LEN, UFRAG_LEN};
pub use event::{
    Ask, ConnectionId, ConnectionState, Counters, DropReason, Drops, Error, Event, FailureReason, Framing,
    GatheringState, Handled, NameId, PathId, Received, Transmit,
};
pub use extras::{Extra, Extras};
pub use moim_turn::client::{Credential, Families};
pub use pair::{PairState, PairTraffic};
pub use route::{Prefix, Route};
pub use stats::PairStats;
