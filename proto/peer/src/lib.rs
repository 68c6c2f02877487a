//! A peer connection: ICE, DTLS, SRTP, RTP, SCTP and offer/answer as one machine.
//!
//! [`PeerConnection`] is what browsers call `RTCPeerConnection`, without sockets, clock, threads or randomness of its own. It joins the
//! machines of the other crates, none of which knows another: [`ice`] finds a path, DTLS (`dimpl`) agrees on keys, `moim-srtp` protects
//! media, [`rtp`] writes and reads it, [`cc`] says how much may be sent, SCTP (`sctp-proto`) carries data channels, [`sdp`] describes it all.
//!
//! # A driver
//! ```no_run
//! # use moim_peer::{Certificate, Config, Event, Handled, PeerConnection, Received, TRANSMIT_LEN_MAX};
//! # use moim_peer::ice::{LocalAddress, Protocol};
//! # use moim_wire::NtpTime;
//! # use std::net::{SocketAddr, UdpSocket};
//! # use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let seed = [0; 32];
//! let wall = SystemTime::now().duration_since(UNIX_EPOCH)?;
//! let config = Config::new(Certificate::generate(wall)?, NtpTime::from_unix(wall));
//! let mut connection = PeerConnection::new(config, seed, Instant::now())?;
//! let socket = UdpSocket::bind("192.0.2.1:0")?;
//! connection.add_local_address(LocalAddress::udp(socket.local_addr()?), Instant::now())?;
//! // … descriptions are exchanged: create_offer, set_local, set_remote …
//! let (mut incoming, mut outgoing) = ([0; 2048], [0; TRANSMIT_LEN_MAX]);
//! loop {
//!     let now = Instant::now();
//!     while let Some(transmit) = connection.poll_transmit(&mut outgoing, now) {
//!         socket.send_to(&outgoing[..transmit.len], transmit.remote)?;
//!     }
//!     while let Some(event) = connection.poll_event() {
//!         // … candidates to tell, tracks, messages, a key frame that is wanted …
//!     }
//!     let wait = connection.poll_timeout().map(|deadline| deadline.at.saturating_duration_since(now));
//!     socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_micros(1))))?;
//!     match socket.recv_from(&mut incoming) {
//!         Ok((len, remote)) => {
//!             let bytes = &mut incoming[..len];
//!             let received = Received { local: socket.local_addr()?, remote, protocol: Protocol::Udp, bytes };
//!             if let Handled::Rtp(rtp) = connection.handle_input(received, Instant::now()) {
//!                 let payload = &incoming[rtp.payload.clone()];
//!             }
//!         }
//!         Err(_) => connection.handle_timeout(Instant::now()),
//!     }
//! }
//! # }
//! ```
//!
//! # The way of packets
//! What comes is decrypted where it lies, and [`Handled::Rtp`] says what it is: nothing is queued on the way in. What is sent is copied into a
//! slot that is used again and again, waits there for its turn, and can be asked for again. Streams lie in tables that are
//! indexed, or found by one look-up; a packet costs the same with one stream and with fifty.
//!
//! # Drafts
//! Off unless [`Config`] says otherwise, and used with those who use them too: SNAP ([`Config::snap`]) tells the SCTP INIT in descriptions, so that data
//! channels open as soon as DTLS is connected; SPED ([`Config::sped`]) has ICE's checks and their answers carry the handshake of DTLS, which so is done
//! a round trip earlier. Both are what Chromium's field trials `WebRTC-Sctp-Snap` and `WebRTC-IceHandshakeDtls` have.
//!
//! # Left out
//! - Another DTLS association on the same connection: who shows another certificate in a renegotiation is not followed.
//! - The choice of the SRTP profile. `dimpl` as a server takes AEAD first with DTLS 1.2; with DTLS 1.3 it takes the first profile that the client
//!   names, which with Chromium is AES-CM. [`DtlsVersions::Only12`] is for who would rather have AEAD.
//! - FEC (ULPFEC, FlexFEC), REMB as a receiver, and extended reports (RFC 3611).

mod candidate;
mod certificate;
mod config;
mod connection;
mod data_channel;
pub mod dcep;
mod dtls;
mod error;
mod event;
mod media;
mod sctp;
mod snap;
mod sped;
pub mod stats;
mod trace;

pub use certificate::{CERTIFICATE_LIFETIME, Certificate, CertificateError};
pub use config::{Config, STORED_PACKETS_MAX};
pub use connection::{EARLY_CANDIDATES_MAX, EVENTS_MAX, PeerConnection, TRANSMIT_LEN_MAX};
pub use data_channel::{
    BUFFERED_AMOUNT_MAX, CHANNELS_MAX, DataChannel, DataChannelCounters, DataChannelError, DataChannelEvent,
    DataChannelId, DataChannelInit, DataChannelState, DataMessage, LABEL_LEN_MAX,
};
pub use dcep::Reliability;
pub use dtls::{DtlsFailure, DtlsState, DtlsVersions};
pub use error::Error;
pub use event::{
    DropReason, Drops, Event, Handled, PeerConnectionState, Received, Track, Transmit, TrickleCandidate,
};
pub use media::{
    NoPayloads, OutgoingRtp, PACKET_LEN_MAX, Payload, PayloadKey, Payloads, ReceiveStreamId, ReceivedRtp,
    SendError, SharedPayload,
};
pub use sctp::MESSAGE_LEN_MAX;
pub use trace::{Outcome, Step, TRACE_STEPS_MAX, Trace};

pub use {moim_cc as cc, moim_ice as ice, moim_rtp as rtp, moim_sdp as sdp};
