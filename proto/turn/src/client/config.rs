use super::transaction::RTO_DEFAULT;
use crate::server::RelayedTransport;
use crate::{AddressFamily, ReservationToken, Transport};
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a [`Client`](super::Client) asks for, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// What carries messages to the server: over UDP and DTLS they are sent again until they are answered.
    pub transport: Transport,
    /// Who asks.
    pub credential: Credential,
    /// What is to be relayed.
    pub relayed: RelayedTransport,
    /// Which relayed transport addresses are wanted.
    pub families: Families,
    /// Whether the port is to be even: `Some(true)` has the next one reserved (RFC 8656 §7.1).
    pub even_port: Option<bool>,
    /// The address that was reserved, instead of any of the above.
    pub reservation: Option<ReservationToken>,
    /// For how long, in seconds; the server decides. [`None`]: as it likes.
    pub lifetime: Option<u32>,
    /// Whether the allocation is to follow when the client's address changes (RFC 8016), if the server can do that.
    pub mobility: bool,
    /// Whether to ask, in the Allocate, that data can be kept from being fragmented (RFC 8656 §7.1): a server that cannot refuses.
    pub dont_fragment: bool,
    /// Whether messages carry FINGERPRINT: needed where other protocols share the port.
    pub fingerprint: bool,
    /// Whether to send a hash for the user name where the server says that it can do with that (RFC 8489 §9.2.3).
    pub hide_username: bool,
    /// What to make of error responses without message integrity.
    pub missing_integrity: MissingIntegrity,
    /// How long an answer takes at first guess (RFC 8489 §6.2.1).
    pub rto: Duration,
}

impl Config {
    /// An allocation of the server's default kind (IPv4, UDP), which is what most want.
    pub fn new(transport: Transport, credential: Credential) -> Self {
        Self {
            transport,
            credential,
            relayed: RelayedTransport::Udp,
            families: Families::Default,
            even_port: None,
            reservation: None,
            lifetime: None,
            mobility: false,
            dont_fragment: false,
            fingerprint: false,
            hide_username: true,
            missing_integrity: MissingIntegrity::AllowedInErrors,
            rto: RTO_DEFAULT,
        }
    }

    /// RFC 8016 is about relayed datagrams.
    pub(super) fn asks_for_mobility(&self) -> bool {
        self.mobility && self.relayed == RelayedTransport::Udp
    }
}

/// Which relayed transport addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// IPv4, without saying so: what every server understands.
    #[default]
    Default,
    /// One of this family.
    One(AddressFamily),
    /// One of each, or one if the server has no other (RFC 8656 §7.1, ADDITIONAL-ADDRESS-FAMILY).
    Both,
}

/// What to make of an error response that has no message integrity although the request had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingIntegrity {
    /// It counts: several servers send such. Whoever can forge it could as well have kept the answer back.
    #[default]
    AllowedInErrors,
    /// It is ignored, as RFC 8489 §9.2.5 has it, unless it is 300, 400, 401 or 438, which cannot have any.
    Ignored,
}

/// What proves to a server who asks. Never printed; wiped from memory when dropped.
#[derive(Clone)]
pub enum Credential {
    /// A user name and a password (RFC 8489 §9.2), expiring ones included.
    LongTerm {
        /// The user name.
        username: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// An access token (RFC 7635).
    AccessToken {
        /// The key identifier.
        kid: String,
        /// What only the server can read.
        token: Vec<u8>,
        /// The key that is in the token too.
        mac_key: Zeroizing<Vec<u8>>,
    },
}

impl Credential {
    /// A user name and a password.
    pub fn long_term(username: &str, password: &str) -> Self {
        Self::LongTerm { username: username.to_owned(), password: Zeroizing::new(password.to_owned()) }
    }

    /// An access token: what an authorization server gave the client.
    pub fn access_token(kid: &str, token: &[u8], mac_key: &[u8]) -> Self {
        let mac_key = Zeroizing::new(mac_key.to_vec());
        Self::AccessToken { kid: kid.to_owned(), token: token.to_vec(), mac_key }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LongTerm { .. } => "Credential::LongTerm([redacted])",
            Self::AccessToken { .. } => "Credential::AccessToken([redacted])",
        })
    }
}
