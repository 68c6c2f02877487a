//! Clients on DTLS (RFC 7350): datagrams in, messages out, and back.
//!
//! A client is answered without anything being kept until it has shown that it receives at its address (`cookie`). Then it has
//! a session of `dimpl`'s, within limits: so many handshakes at a time, altogether and from one network; so many seconds for
//! each of them, and for sessions that have no allocation and say nothing.
//!
//! DTLS 1.2 is spoken. DTLS 1.3 has the same exchange in another form, for which a session has to be kept before the client
//! has shown anything; every client that offers it takes 1.2 too.

mod cookie;
mod provider;
mod session;

pub use session::{DtlsCounters, DtlsEnded};
pub(crate) use session::{DtlsMessage, DtlsOutput, DtlsSessions};

use dimpl::{Config, DtlsCertificate};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After how long a flight that is not answered is sent again, for the first time.
const RETRANSMIT: Duration = Duration::from_secs(1);
/// How often it is sent again.
const RETRANSMITS_MAX: usize = 3;
/// The longest datagram of a handshake, in bytes: what passes everywhere.
const HANDSHAKE_MTU: usize = 1200;

/// The certificate that DTLS clients are shown.
#[derive(Clone)]
pub struct DtlsIdentity {
    certificate: DtlsCertificate,
    config: Arc<Config>,
}

/// A certificate cannot be used for DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DtlsIdentityError {
    /// The key is not one for ECDSA with P-256 or P-384.
    #[error("DTLS takes keys for ECDSA with P-256 or P-384 only")]
    Key,
    /// The cryptography of this build does not work.
    #[error("DTLS cannot be set up")]
    Unavailable,
}

impl DtlsIdentity {
    /// An identity of a certificate and its key, both in DER form (the key as in PKCS8 or SEC 1). The key has to be one for
    /// ECDSA with P-256 or P-384.
    pub fn new(certificate: Vec<u8>, private_key: Vec<u8>) -> Result<Self, DtlsIdentityError> {
        let provider = provider::provider();
        // Sessions take it for granted that the key can be loaded.
        provider.key_provider.load_private_key(&private_key).map_err(|_| DtlsIdentityError::Key)?;
        let config = Config::builder()
            .with_crypto_provider(provider)
            .require_client_certificate(false)
            .use_server_cookie(true)
            .mtu(HANDSHAKE_MTU)
            .handshake_timeout(HANDSHAKE_MAX)
            .flight_start_rto(RETRANSMIT)
            .flight_retries(RETRANSMITS_MAX)
            .build()
            .map_err(|_| DtlsIdentityError::Unavailable)?;
        Ok(Self { certificate: DtlsCertificate { certificate, private_key }, config: Arc::new(config) })
    }
}

impl fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsIdentity").finish_non_exhaustive()
    }
}
