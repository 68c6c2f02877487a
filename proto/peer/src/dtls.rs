//! DTLS under a peer connection (RFC 8842, RFC 5764): `dimpl`, driven, and nothing trusted before the fingerprint matches.
//!
//! Both roles, DTLS 1.3 and 1.2. A ClientHello that takes two datagrams (post-quantum keys) is put together by `dimpl`.
//! There is no cookie exchange: ICE has shown already that the other side receives at its address.

use crate::certificate::{Certificate, has_usable, is_certificate_of};
use crate::sped::HANDSHAKE_DATAGRAM_LEN_MAX;
use bytes::Bytes;
use dimpl::{CryptoError, Dtls, NamedGroup, Output, ProtocolVersion, SecurityError, UnexpectedMessageError};
use moim_sdp::Fingerprint;
use moim_sdp::jsep::DtlsRole;
use moim_srtp::Profile;
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest datagram that is sent for DTLS, in bytes: what passes on every path, with the header of a relay.
pub(crate) const DATAGRAM_LEN_MAX: usize = 1200;
/// Bytes that a record takes beside its contents, at most: header, explicit nonce and tag of DTLS 1.2 (RFC 6347, RFC 5288).
pub(crate) const RECORD_OVERHEAD: usize = 13 + 8 + 16;
/// Datagrams that wait to be sent. More are dropped: DTLS and SCTP send again.
const OUTGOING_MAX: usize = 64;
/// Messages that wait to be taken. More are dropped: SCTP sends again.
const RECEIVED_MAX: usize = 64;
/// Datagrams that are kept when they come before it is known who is who: a ClientHello that overtook the answer.
const EARLY_MAX: usize = 4;
/// By which groups keys are agreed on: those that everybody in WebRTC knows. One of P-384 takes twice the time of the others together.
const KEY_EXCHANGE: [NamedGroup; 2] = [NamedGroup::X25519, NamedGroup::Secp256r1];
/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// After how long a flight that is not answered is sent again, for the first time. RFC 6347 §4.2.4.1 has a second, and less
/// where a round trip is known to be short: ICE has just seen one.
const RETRANSMIT: Duration = Duration::from_millis(250);
/// How often a flight is sent again, each time after twice the time.
const RETRANSMITS_MAX: usize = 7;
/// What `dimpl` says when it waits for nothing is far off.
const NEVER: Duration = Duration::from_secs(24 * 3600);
/// A handshake wants to be woken no sooner than so long after it was.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Room for a record that is polled: enough for what keeps to the length of a datagram.
const POLL_LEN: usize = 2048;
/// The longest record of the other side (RFC 6347 §4.1).
const RECORD_LEN_MAX: usize = (1 << 14) + 2048;

/// RFC 5246 §6.2.1 and §7.2.
const ALERT: u8 = 21;
const ALERT_FATAL: u8 = 2;

/// Which versions of DTLS are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtlsVersions {
    /// 1.3, and 1.2 with those that do not know it.
    #[default]
    Auto,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

/// How far DTLS is, in the words of W3C's `RTCDtlsTransportState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DtlsState {
    /// It has not begun.
    #[default]
    New,
    /// The handshake goes on.
    Connecting,
    /// Both sides are who they should be, and have keys.
    Connected,
    /// One side has closed it.
    Closed,
    /// It did not come about.
    Failed,
}

impl DtlsState {
    /// W3C's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

/// Why DTLS failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DtlsFailure {
    /// The other side's certificate is not the one that signalling told of.
    #[error("the certificate does not match the fingerprint in the session description")]
    Fingerprint,
    /// Signalling told of no fingerprint by a hash that is taken.
    #[error("the session description has no fingerprint by SHA-256, SHA-384 or SHA-512")]
    NoFingerprint,
    /// The other side did not take part in time.
    #[error("the handshake took too long")]
    Timeout,
    /// No SRTP profile in common.
    #[error("no SRTP profile was agreed on")]
    NoSrtpProfile,
    /// The other side has a certificate for another algorithm, RSA most likely: it showed that, or none at all.
    #[error(
        "the other side's certificate is of a kind that is not taken: ECDSA with P-256 or P-384 is wanted, and RSA is not taken"
    )]
    CertificateKind,
    /// The other side has ended the handshake with this alert (RFC 8446 §6).
    #[error("{}", refusal(*alert))]
    Refused {
        /// Its number.
        alert: u8,
    },
    /// Anything else that went against the protocol.
    #[error("{0}")]
    Protocol(String),
}

/// What DTLS tells.
#[derive(Debug)]
pub(crate) enum DtlsEvent {
    /// The other side is the right one, and these are the keys for media, if any were agreed on.
    Connected {
        version: &'static str,
        srtp: Option<SrtpKeys>,
    },
    /// The other side has closed.
    Closed,
    Failed(DtlsFailure),
}

/// Keying material for SRTP (RFC 5764 §4.2).
pub(crate) struct SrtpKeys {
    pub(crate) profile: Profile,
    pub(crate) material: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What the sessions of a connection are made with.
#[derive(Clone)]
pub(crate) struct DtlsConfig {
    certificate: Certificate,
    versions: DtlsVersions,
    config: Arc<dimpl::Config>,
    by_checks: bool,
}

impl DtlsConfig {
    /// `by_checks`: it shall fit into checks, and go by them.
    /// `replay_seed`: what chance there is in messages follows from it. For worlds that are replayed, and never for others.
    pub(crate) fn new(
        certificate: Certificate,
        versions: DtlsVersions,
        replay_seed: Option<u64>,
        by_checks: bool,
    ) -> Result<Self, DtlsFailure> {
        let config = match replay_seed {
            None if !by_checks => certificate.dtls_config(),
            Some(_) | None => config(replay_seed, by_checks)?,
        };
        Ok(Self { certificate, versions, config, by_checks })
    }

    fn session(&self, role: DtlsRole, now: Instant) -> Dtls {
        let (config, certificate) = (Arc::clone(&self.config), self.certificate.to_dtls());
        let mut dtls = match self.versions {
            DtlsVersions::Auto => Dtls::new_auto(config, certificate, now),
            DtlsVersions::Only12 => Dtls::new_12(config, certificate, now),
            DtlsVersions::Only13 => Dtls::new_13(config, certificate, now),
        };
        dtls.set_active(role == DtlsRole::Client);
        dtls
    }
}

/// How sessions go: as in [`DtlsConfig::new`].
pub(crate) fn config(replay_seed: Option<u64>, by_checks: bool) -> Result<Arc<dimpl::Config>, DtlsFailure> {
    let handshake_max = if by_checks { NEVER } else { HANDSHAKE_MAX };
    let mtu = if by_checks { HANDSHAKE_DATAGRAM_LEN_MAX } else { DATAGRAM_LEN_MAX };
    let mut builder = dimpl::Config::builder()
        .with_crypto_provider(dimpl::crypto::aws_lc_rs::default_provider())
        .mtu(mtu)
        .require_client_certificate(true)
        .use_server_cookie(false)
        .kx_groups(&KEY_EXCHANGE)
        .handshake_timeout(handshake_max)
        .flight_start_rto(RETRANSMIT)
        .flight_retries(RETRANSMITS_MAX);
    if let Some(seed) = replay_seed {
        builder = builder.dangerously_set_rng_seed(seed);
    }
    let config = builder.build().map_err(|error| DtlsFailure::Protocol(error.to_string()))?;
    Ok(Arc::new(config))
}

/// The DTLS transport of a connection.
pub(crate) struct DtlsTransport {
    config: DtlsConfig,
    state: DtlsState,
    session: Option<Box<Session>>,
    early: Vec<Bytes>,
    /// The flight that was made last, for whoever has other ways to send it. [`None`]: nobody wants to know.
    flight: Option<Vec<Bytes>>,
    /// Nothing is sent again before there is a path.
    awaits_path: bool,
    /// Whether anything of the other side's handshake has come.
    is_heard: bool,
    /// When a handshake has taken too long that could not go on before there was a path.
    handshake_ends: Option<Instant>,
    outgoing: VecDeque<Bytes>,
    received: VecDeque<Bytes>,
    events: VecDeque<DtlsEvent>,
    /// Datagrams and messages that found no room.
    dropped: u64,
}

struct Session {
    dtls: Dtls,
    role: DtlsRole,
    told: Vec<Fingerprint>,
    is_verified: bool,
    is_handshake_done: bool,
    keys: Option<SrtpKeys>,
    timer: Option<Instant>,
}

impl fmt::Debug for DtlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsTransport").field("state", &self.state).finish_non_exhaustive()
    }
}

impl DtlsTransport {
    pub(crate) fn new(config: DtlsConfig) -> Self {
        Self {
            config,
            state: DtlsState::New,
            session: None,
            early: Vec::new(),
            flight: None,
            awaits_path: false,
            is_heard: false,
            handshake_ends: None,
            outgoing: VecDeque::new(),
            received: VecDeque::new(),
            events: VecDeque::new(),
            dropped: 0,
        }
    }

    pub(crate) fn state(&self) -> DtlsState {
        self.state
    }

    pub(crate) fn role(&self) -> Option<DtlsRole> {
        self.session.as_ref().map(|session| session.role)
    }

    /// Datagrams and messages that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Begins the handshake with whoever has one of the certificates that were told.
    pub(crate) fn start(&mut self, role: DtlsRole, told: Vec<Fingerprint>, now: Instant) {
        if self.state != DtlsState::New {
            return;
        }
        if !has_usable(&told) {
            self.fail(DtlsFailure::NoFingerprint);
            return;
        }
        self.state = DtlsState::Connecting;
        self.awaits_path = self.config.by_checks;
        self.session = Some(Box::new(Session {
            dtls: self.config.session(role, now),
            role,
            told,
            is_verified: false,
            is_handshake_done: false,
            keys: None,
            timer: None,
        }));
        self.drive(now, Dtls::handle_timeout);
        for datagram in std::mem::take(&mut self.early) {
            self.handle_datagram(&datagram, now);
        }
    }

    /// Another description has told of other certificates. They count for a handshake that is not done yet.
    pub(crate) fn set_told(&mut self, told: Vec<Fingerprint>) {
        if let Some(session) = &mut self.session
            && !session.is_verified
        {
            session.told = told;
        }
    }

    /// Takes in a datagram. False: there was no use for it.
    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> bool {
        match self.state {
            // By checks, the same comes again and again.
            DtlsState::New if self.early.iter().any(|early| *early == datagram) => true,
            DtlsState::New if self.early.len() < EARLY_MAX && datagram.len() <= POLL_LEN => {
                self.early.push(Bytes::copy_from_slice(datagram));
                true
            }
            DtlsState::Connecting | DtlsState::Connected => {
                self.is_heard = true;
                self.limit_handshake(now);
                self.drive(now, |dtls, now| {
                    dtls.handle_timeout(now)?;
                    match dtls.handle_packet(datagram) {
                        // What came is not the beginning of an answer, whatever it is; nothing was changed by it.
                        Err(dimpl::Error::UnexpectedMessage(
                            UnexpectedMessageError::UnrecognizedAutoServerResponse,
                        )) => refused_by(datagram).map_or(Ok(()), Err),
                        done => done,
                    }
                });
                true
            }
            DtlsState::New | DtlsState::Closed | DtlsState::Failed => false,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.handshake_end().is_some_and(|at| at <= now) {
            self.fail(DtlsFailure::Timeout);
        } else if self.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.drive(now, Dtls::handle_timeout);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        if self.awaits_path && self.state == DtlsState::Connecting {
            return None;
        }
        let timer = self.session.as_ref()?.timer.map(|at| Deadline::new(at, "dtls"));
        let end = self.handshake_end().map(|at| Deadline::new(at, "the handshake takes too long"));
        Deadline::soonest(timer, end)
    }

    fn handshake_end(&self) -> Option<Instant> {
        self.handshake_ends.filter(|_| self.state == DtlsState::Connecting)
    }

    /// Flights go by ICE's checks: they are kept for [`take_flight`](Self::take_flight).
    pub(crate) fn send_by_checks(&mut self) {
        self.flight = Some(Vec::new());
    }

    /// Flights go by no checks any more. A client whose hello nobody can have heard begins anew when it has a path.
    pub(crate) fn send_by_path(&mut self, is_heard: bool) {
        self.flight = None;
        if !is_heard
            && self.awaits_path
            && self.role() == Some(DtlsRole::Client)
            && self.state == DtlsState::Connecting
        {
            (self.state, self.session) = (DtlsState::New, None);
            self.outgoing.clear();
        }
    }

    /// There is a path.
    pub(crate) fn set_path(&mut self, now: Instant) {
        self.awaits_path = false;
        self.limit_handshake(now);
    }

    /// Where `dimpl` keeps no time, since a handshake by checks cannot go on before there is a path: from when it can, it may take so long.
    ///
    /// That of a server begins with the client's hello, as with `dimpl`: the answer that the client waits for may be under way for longer,
    /// where it is held back until all candidates are known.
    fn limit_handshake(&mut self, now: Instant) {
        let has_begun = self.is_heard || self.role() == Some(DtlsRole::Client);
        if self.config.by_checks && !self.awaits_path && has_begun {
            self.handshake_ends.get_or_insert(now + HANDSHAKE_MAX);
        }
    }

    /// The flight that was made since this was asked last. It waits to be sent by the path as well, if there is one.
    pub(crate) fn take_flight(&mut self) -> Option<Vec<Bytes>> {
        let flight = self.flight.as_mut().filter(|flight| !flight.is_empty()).map(std::mem::take)?;
        if self.awaits_path {
            self.outgoing.clear();
        }
        Some(flight)
    }

    /// Has datagrams of a handshake sent by the path, now that there is one.
    pub(crate) fn send_datagrams(&mut self, datagrams: Vec<Bytes>) {
        for datagram in datagrams {
            push(&mut self.outgoing, OUTGOING_MAX, &datagram, &mut self.dropped);
        }
    }

    /// Encrypts a message for the other side. False: not connected.
    pub(crate) fn send(&mut self, message: &[u8], now: Instant) -> bool {
        if self.state == DtlsState::Connected {
            self.drive(now, |dtls, _| dtls.send_application_data(message).map(drop));
        }
        self.state == DtlsState::Connected
    }

    /// Says goodbye, if there is anybody to say it to.
    pub(crate) fn close(&mut self, now: Instant) {
        if matches!(self.state, DtlsState::Connecting | DtlsState::Connected) {
            self.drive(now, |dtls, _| dtls.close());
        }
        self.state = DtlsState::Closed;
        self.session = None;
        self.events.clear();
        self.early.clear();
        self.received.clear();
    }

    /// The next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outgoing.pop_front()
    }

    pub(crate) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The next message that came.
    pub(crate) fn poll_received(&mut self) -> Option<Bytes> {
        self.received.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    fn drive(&mut self, now: Instant, input: impl FnOnce(&mut Dtls, Instant) -> Result<(), dimpl::Error>) {
        let Some(session) = &mut self.session else { return };
        let waiting = self.outgoing.len();
        let done = input(&mut session.dtls, now);
        let polled = self.take_output(now);
        if let Some(flight) = &mut self.flight
            && self.state == DtlsState::Connecting
            && self.outgoing.len() > waiting
        {
            *flight = self.outgoing.range(waiting..).cloned().collect();
        }
        if let Some(polled) = polled {
            self.end(polled);
        } else if let Err(error) = done {
            self.fail(failure_of(&error));
        } else {
            self.complete();
        }
    }

    /// Takes everything out of `dimpl`. What ends the session, if anything does.
    fn take_output(&mut self, now: Instant) -> Option<DtlsEvent> {
        let session = self.session.as_mut()?;
        let mut short = [0; POLL_LEN];
        let mut long = Vec::new();
        loop {
            let is_long = !long.is_empty();
            let buffer = if is_long { &mut long[..] } else { &mut short[..] };
            match session.dtls.poll_output(buffer) {
                Output::Packet(datagram) => {
                    push(&mut self.outgoing, OUTGOING_MAX, datagram, &mut self.dropped);
                }
                Output::ApplicationData(message) if session.is_verified => {
                    push(&mut self.received, RECEIVED_MAX, message, &mut self.dropped);
                }
                Output::ApplicationData(_) => self.dropped += 1,
                Output::PeerCert(der) => {
                    if !is_certificate_of(der, &session.told) {
                        return Some(DtlsEvent::Failed(DtlsFailure::Fingerprint));
                    }
                    session.is_verified = true;
                }
                Output::Connected => session.is_handshake_done = true,
                Output::KeyingMaterial(material, profile) => {
                    session.keys = profile_of(profile)
                        .map(|profile| SrtpKeys { profile, material: Zeroizing::new(material.to_vec()) });
                }
                Output::CloseNotify => return Some(DtlsEvent::Closed),
                Output::BufferTooSmall { needed } if !is_long && needed <= RECORD_LEN_MAX => {
                    long = vec![0; needed];
                }
                Output::BufferTooSmall { needed } => {
                    let reason = DtlsFailure::Protocol(format!("a record of {needed} bytes"));
                    return Some(DtlsEvent::Failed(reason));
                }
                Output::Timeout(at) => {
                    session.timer = (at < now + NEVER).then_some(at.max(now + PAUSE_MIN));
                    return None;
                }
                _ => {}
            }
        }
    }

    fn complete(&mut self) {
        let Some(session) = &mut self.session else { return };
        if self.state != DtlsState::Connecting || !session.is_handshake_done {
            return;
        }
        // `dimpl` tells of the certificate before it says that the handshake is done. Nobody is trusted if it did not.
        if !session.is_verified {
            self.fail(DtlsFailure::Fingerprint);
            return;
        }
        self.state = DtlsState::Connected;
        let version = match session.dtls.protocol_version() {
            Some(ProtocolVersion::DTLS1_3) => "1.3",
            _ => "1.2",
        };
        self.events.push_back(DtlsEvent::Connected { version, srtp: session.keys.take() });
    }

    fn fail(&mut self, failure: DtlsFailure) {
        self.end(DtlsEvent::Failed(failure));
    }

    fn end(&mut self, event: DtlsEvent) {
        self.state = if matches!(event, DtlsEvent::Closed) { DtlsState::Closed } else { DtlsState::Failed };
        self.session = None;
        self.early.clear();
        self.received.clear();
        self.events.push_back(event);
    }
}

/// A server that has no use for a hello that is for both versions says so before it says which one it speaks: `dimpl` does not look
/// at that. As with any handshake, an alert ends it that nobody has sealed yet.
fn refused_by(datagram: &[u8]) -> Option<dimpl::Error> {
    // RFC 6347 §4.1: type, version, epoch 0, number, length; RFC 5246 §7.2: level, description.
    match datagram {
        [ALERT, 254, 253 | 255, 0, 0, _, _, _, _, _, _, 0, 2, ALERT_FATAL, description] => {
            Some(dimpl::Error::SecurityError(SecurityError::FatalAlert { description: *description }))
        }
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is, it says itself what it is")]
fn failure_of(error: &dimpl::Error) -> DtlsFailure {
    use dimpl::CertificateError as Kind;
    match error {
        dimpl::Error::Timeout(_) => DtlsFailure::Timeout,
        dimpl::Error::SecurityError(SecurityError::FatalAlert { description }) => {
            DtlsFailure::Refused { alert: *description }
        }
        // Who is asked for a certificate of ECDSA and has one of RSA shows none (RFC 5246 §7.4.6), or shows it all the same.
        dimpl::Error::CertificateError(
            Kind::NoClientCertificateReceived
            | Kind::MissingEcCurveParameter
            | Kind::InvalidEcCurveParameter
            | Kind::UnsupportedEcCurve,
        )
        | dimpl::Error::SecurityError(
            SecurityError::SignatureSchemeNotOffered(_) | SecurityError::UnsupportedSignatureScheme(_),
        )
        | dimpl::Error::CryptoError(
            CryptoError::UnsupportedSignatureVerification { .. }
            | CryptoError::UnsupportedSignatureAlgorithm(_),
        ) => DtlsFailure::CertificateKind,
        other => DtlsFailure::Protocol(other.to_string()),
    }
}

/// What an alert of the other side's means, as far as it says.
fn refusal(alert: u8) -> String {
    let meaning = match alert {
        40 => {
            ": it has nothing in common with this side. Is its certificate one of RSA? ECDSA with P-256 or P-384 is wanted"
        }
        42..=46 | 48 => ": it does not take this side's certificate",
        51 => ": what it computed differs",
        70 => ": it does not speak this version of DTLS",
        116 => ": it wants a certificate",
        _ => "",
    };
    format!("the other side has refused the handshake with alert {alert}{meaning}")
}

fn push(queue: &mut VecDeque<Bytes>, len_max: usize, bytes: &[u8], dropped: &mut u64) {
    if queue.len() < len_max {
        queue.push_back(Bytes::copy_from_slice(bytes));
    } else {
        *dropped += 1;
    }
}

fn profile_of(profile: dimpl::SrtpProfile) -> Option<Profile> {
    match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::AesCm128HmacSha1_80),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
