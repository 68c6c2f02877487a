//! TLS: which certificate, which versions, how much memory.

mod certificate;
mod self_signed;

pub(crate) use certificate::Certificate;
pub use certificate::CertificateError;

use crate::config::{CertificateSource, Config};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// HTTP versions offered by ALPN (RFC 7301), the better one first.
const ALPN_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

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

/// The server's side of TLS 1.3 and 1.2.
pub(crate) fn server_config(certificate: Certificate) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificate.chain, certificate.key)?;
    config.alpn_protocols = ALPN_PROTOCOLS.map(<[u8]>::to_vec).into();
    // Sessions are resumed from tickets that clients keep (RFC 8446 §2.2): nothing to remember here, however many come.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // A browser opens several connections at once and takes one ticket for each; the default of 2 serves that.
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
