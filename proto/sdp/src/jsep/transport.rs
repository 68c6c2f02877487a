use super::error::Error;
use crate::attribute::is_ufrag;
use crate::limit;
use crate::{Candidate, Fingerprint, IcePassword, MediaSection, SectionKind, SessionDescription, Setup};
use std::fmt;

/// The largest message of a side that does not say (RFC 8841 §6.1), in bytes.
const MAX_MESSAGE_SIZE_DEFAULT: u64 = 65_536;

/// What a local description says about ICE and DTLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportParameters {
    /// The user name fragment: 4 to 256 letters, digits, `+` or `/`.
    pub ice_ufrag: String,
    /// The password.
    pub ice_pwd: IcePassword,
    /// What this side can do beyond plain ICE: `trickle`, `renomination`.
    pub ice_options: Vec<String>,
    /// Whether this side only answers checks.
    pub ice_lite: bool,
    /// The candidates that are known by now.
    pub candidates: Vec<Candidate>,
    /// Whether no more will follow.
    pub end_of_candidates: bool,
    /// The hashes of the certificate: at least one.
    pub fingerprints: Vec<Fingerprint>,
    /// The INIT chunk of this side's SCTP, in base64 (draft-hancke-tsvwg-snap). Offers have it, and answers to offers that have one.
    pub sctp_init: Option<String>,
    /// What an answer chooses to be, if the offer leaves the choice. Offers always leave it (RFC 9429 §5.2.1).
    pub preferred_role: DtlsRole,
}

impl TransportParameters {
    pub(super) fn check(&self) -> Result<(), Error> {
        if !is_ufrag(&self.ice_ufrag) {
            return Err(Error::InvalidArgument(
                "the user name fragment has to have 4 to 256 letters, digits, `+` or `/`",
            ));
        }
        if self.candidates.len() > limit::CANDIDATES_MAX {
            return Err(Error::LimitReached("candidates"));
        }
        if self.fingerprints.is_empty() {
            return Err(Error::InvalidArgument("there has to be a fingerprint"));
        }
        Ok(())
    }
}

/// Which end of the DTLS association a side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// It says hello first: `setup:active`.
    Client,
    /// It waits, and chooses what is used: `setup:passive`.
    Server,
}

impl DtlsRole {
    /// The role of the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    pub(super) fn setup(self) -> Setup {
        match self {
            Self::Client => Setup::Active,
            Self::Server => Setup::Passive,
        }
    }
}

impl fmt::Display for DtlsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// What the other side says about ICE, DTLS and SCTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteTransport {
    /// Its user name fragment.
    pub ice_ufrag: String,
    /// Its password.
    pub ice_pwd: IcePassword,
    /// Whether it only answers checks.
    pub ice_lite: bool,
    /// What it can do beyond plain ICE: `trickle`, `renomination`.
    pub ice_options: Vec<String>,
    /// The candidates in its description.
    pub candidates: Vec<Candidate>,
    /// Whether no more will follow.
    pub end_of_candidates: bool,
    /// The hashes its certificate may have: it has to match one of them that is
    /// [trusted](crate::HashAlgorithm::is_trusted). There is at least one such.
    pub fingerprints: Vec<Fingerprint>,
    /// What this side is. It stays the same over renegotiations.
    pub role: DtlsRole,
    /// Whether its credentials differ from those before (RFC 8839 §4.4.1): candidates and checks begin anew. Not so the first time.
    pub ice_restart: bool,
    /// What is agreed about data; `None` without data channels.
    pub sctp: Option<SctpParameters>,
}

impl RemoteTransport {
    /// Whether it may send candidates later on (RFC 8838 §3).
    pub fn trickles(&self) -> bool {
        self.ice_options.iter().any(|option| option == "trickle")
    }
}

/// The SCTP association, as the other side describes its end (RFC 8841).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SctpParameters {
    /// Its port.
    pub port: u16,
    /// The largest message it takes, in bytes; `None` for any.
    pub max_message_size: Option<u64>,
    /// Its INIT chunk in base64, if the description has one (draft-hancke-tsvwg-snap).
    pub init: Option<String>,
}

impl SctpParameters {
    pub(super) fn of(section: &MediaSection) -> Option<Self> {
        let is_sctp = section.kind == SectionKind::Application && section.protocol.contains("SCTP");
        let port = section.sctp_port().filter(|_| is_sctp)?;
        let size = section.max_message_size().unwrap_or(MAX_MESSAGE_SIZE_DEFAULT);
        let init = section.sctp_init().map(str::to_owned);
        Some(Self { port, max_message_size: (size != 0).then_some(size), init })
    }
}

/// What a description says about the transport that all its sections share, in the section that stands for all.
pub(super) struct Described<'a> {
    pub(super) ufrag: &'a str,
    pub(super) password: &'a IcePassword,
    pub(super) fingerprints: Vec<&'a Fingerprint>,
    pub(super) setup: Option<Setup>,
}

impl<'a> Described<'a> {
    pub(super) fn of(description: &'a SessionDescription, index: usize) -> Result<Self, Error> {
        let section = &description.media[index];
        let Some((ufrag, password)) = description.ice_credentials(section) else {
            return Err(Error::misbehaved(index, "`ice-ufrag` or `ice-pwd` is missing"));
        };
        let fingerprints = description.fingerprints(section);
        if fingerprints.is_empty() {
            return Err(Error::misbehaved(
                index,
                "there is no `fingerprint`, and nothing is done without encryption",
            ));
        }
        if !fingerprints.iter().any(|fingerprint| fingerprint.algorithm.is_trusted()) {
            return Err(Error::misbehaved(index, "none of its fingerprints is of SHA-256 or better"));
        }
        Ok(Self { ufrag, password, fingerprints, setup: description.setup(section) })
    }
}

/// What we are, going by what an offer says (RFC 8842 §5.3): what we have been, or what is left to us, or what we prefer.
pub(super) fn role_in_answer(
    offered: Option<Setup>,
    current: Option<DtlsRole>,
    preferred: DtlsRole,
) -> Result<DtlsRole, &'static str> {
    match offered {
        // RFC 4145 §4 would have a missing attribute mean `active`; senders that leave it out mean what all offers say.
        Some(Setup::ActPass) | None => Ok(current.unwrap_or(preferred)),
        Some(Setup::Active) => Ok(DtlsRole::Server),
        Some(Setup::Passive) => Ok(DtlsRole::Client),
        Some(Setup::HoldConn) => Err("`setup:holdconn` leaves nobody to open the DTLS association"),
    }
}

/// What we are, going by what the answer to our offer says.
pub(super) fn role_by_answer(answered: Option<Setup>) -> Result<DtlsRole, &'static str> {
    match answered {
        // Whoever leaves it out is taken for the one to begin, as browsers do.
        Some(Setup::Active) | None => Ok(DtlsRole::Server),
        Some(Setup::Passive) => Ok(DtlsRole::Client),
        Some(Setup::ActPass | Setup::HoldConn) => {
            Err("an answer has to say `setup:active` or `setup:passive`")
        }
    }
}
