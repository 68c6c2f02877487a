//! The TLS step.

use super::Found;
use crate::stream::BoxedStream;
use crate::tls::Trust;
use crate::url::ServerUrl;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const SECONDS_PER_DAY: u64 = 86_400;

/// Agrees on keys, and checks the certificate. Whatever becomes of that, it says what the certificate is.
pub(super) async fn handshake(
    server: &ServerUrl,
    address: SocketAddr,
    tls: &Arc<ClientConfig>,
) -> Found<BoxedStream> {
    let reason = match connect(server, address, ClientConfig::clone(tls)).await {
        Ok(stream) => {
            let words = words(&stream);
            return Ok((words, Box::new(stream)));
        }
        Err(reason) => reason,
    };
    // Whom it would be that is not trusted, is best said by the certificate itself.
    let anybody = Trust::Anybody.client_config().map_err(|error| error.to_string())?;
    match connect(server, address, anybody).await {
        Ok(stream) => Err(format!("{reason} ({})", words(&stream))),
        Err(_) => Err(reason),
    }
}

async fn connect(
    server: &ServerUrl,
    address: SocketAddr,
    mut config: ClientConfig,
) -> Result<TlsStream<TcpStream>, String> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(server.host()).map_err(|error| error.to_string())?;
    let tcp = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| error.to_string())
}

/// Version, and whose certificate it is until when.
fn words(stream: &TlsStream<TcpStream>) -> String {
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().and_then(|version| version.as_str());
    let version = version.unwrap_or("TLS").replace('_', ".").replace("TLSv", "TLS ");
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    match certificate.and_then(|certificate| certificate_words(certificate, SystemTime::now())) {
        Some(words) => format!("{version}; {words}"),
        None => version,
    }
}

pub(super) fn certificate_words(der: &CertificateDer<'_>, now: SystemTime) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let names = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let names: Vec<_> = names.iter().flat_map(|(_, names)| &names.0).filter_map(name).collect();
    let not_after = certificate.validity().not_after.to_unix_duration().as_secs();
    let today = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = not_after.abs_diff(today) / SECONDS_PER_DAY;
    let until =
        if not_after >= today { format!("good for {days} days") } else { format!("expired {days} days ago") };
    Some(format!(
        "certificate of {}, {until}",
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    ))
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => match address.as_bytes() {
            bytes if bytes.len() == 4 => {
                <[u8; 4]>::try_from(bytes).ok().map(|ip| std::net::Ipv4Addr::from(ip).to_string())
            }
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
        },
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    }
}
