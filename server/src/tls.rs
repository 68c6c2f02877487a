//! TLS: which certificate, which versions, how much memory.

mod certificate;
mod current;
mod self_signed;

pub(crate) use certificate::Certificate;
pub use certificate::CertificateError;

use crate::config::{CertificateSource, Config};
use current::CurrentCertificate;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;

/// What is agreed upon by ALPN (RFC 7301) before anything is said.
pub(crate) mod alpn {
    /// HTTP/2 (RFC 9113 §3.2).
    pub(crate) const HTTP_2: &[u8] = b"h2";
    /// HTTP/1.1 (RFC 7301 §6).
    pub(crate) const HTTP_1: &[u8] = b"http/1.1";
    /// TURN (RFC 7443 §2).
    pub(crate) const TURN: &[u8] = b"stun.turn";
    /// STUN, for the discovery of NATs (RFC 7443 §2).
    pub(crate) const NAT_DISCOVERY: &[u8] = b"stun.nat-discovery";
    /// All of them in the order of preference. No browser offers what only STUN and TURN clients speak; there are clients of those
    /// that offer HTTP along with it, to look like a browser.
    pub(crate) const ALL: [&[u8]; 4] = [TURN, NAT_DISCOVERY, HTTP_2, HTTP_1];
}

/// The certificate that the configuration asks for; a self-signed one is made if there is none that still serves.
///
/// `addresses` are those by which this machine can be reached: a self-signed certificate must name them.
pub(crate) fn certificate(
    config: &Config,
    addresses: &[IpAddr],
    now: SystemTime,
) -> Result<Certificate, CertificateError> {
    match &config.certificate {
        CertificateSource::Files { certificate, key } => Certificate::read(certificate, key),
        CertificateSource::SelfSigned => {
            let names = self_signed::names(addresses);
            self_signed::load_or_make(&config.data_dir, &names, now)
        }
    }
}

/// The server's side of TLS, with a certificate that can be exchanged.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<CurrentCertificate>,
}

impl Tls {
    /// Begins with `certificate`; an error if it does not serve.
    pub(crate) fn new(certificate: &Certificate) -> Result<Self, rustls::Error> {
        let certificate = Arc::new(CurrentCertificate::new(certificate)?);
        let config = server_config(Arc::clone(&certificate))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    /// What makes handshakes.
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Exchanges the certificate for handshakes to come. After an error, the one before stays.
    pub(crate) fn replace(&self, certificate: &Certificate) -> Result<(), rustls::Error> {
        self.certificate.replace(certificate)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// TLS 1.3 and 1.2.
fn server_config(certificate: Arc<CurrentCertificate>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = alpn::ALL.map(<[u8]>::to_vec).into();
    // Sessions are resumed from tickets that clients keep (RFC 8446 §2.2): nothing to remember here, however many come.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // A browser opens several connections at once and takes one ticket for each; the default of 2 serves that.
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
