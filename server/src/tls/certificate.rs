//! A certificate with its key, from PEM files.

use moim_relay::DtlsIdentity;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A certificate chain and the key of its first certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The server's certificate, then those that lead to a root.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; is it there, and may this user read it?")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file has not the content that it should have.
    #[error("{path} holds no {what} in PEM form ({source})")]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The data directory cannot be written.
    #[error("cannot keep the certificate in {path}: {source}; choose another folder by data_dir")]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The self-signed certificate cannot be made.
    #[error("cannot make a self-signed certificate: {0}")]
    Generation(#[from] rcgen::Error),
}

impl Certificate {
    /// Reads a certificate chain and its key from two PEM files, or from one that holds both.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        Ok(Self { chain: read_chain(certificate)?, key: read_key(key)? })
    }

    /// The same for DTLS, which takes keys for ECDSA only. If this is of another kind, clients on DTLS get one that vouches for
    /// itself: most of them check none (RFC 7350 §4.5 leaves it to them), and those that do would have no DTLS otherwise.
    /// `None` if that cannot be made either.
    pub(crate) fn dtls_identity(&self) -> Option<DtlsIdentity> {
        let own = DtlsIdentity::new(self.chain.first()?.to_vec(), self.key.secret_der().to_vec());
        let error = match own {
            Ok(identity) => return Some(identity),
            Err(error) => error,
        };
        tracing::info!(%error, "clients of TURN over DTLS get a self-signed certificate instead of yours");
        let made =
            super::self_signed::temporary(SystemTime::now()).map_err(|error| error.to_string()).and_then(
                |(certificate, key)| DtlsIdentity::new(certificate, key).map_err(|error| error.to_string()),
            );
        made.inspect_err(|error| tracing::warn!(error, "TURN over DTLS is not offered")).ok()
    }

    /// Whether the certificate vouches for itself, so that browsers warn of it.
    pub(crate) fn is_self_signed(&self) -> bool {
        // Whoever signed it is told apart first, whatever else may be wrong with it.
        !matches!(
            self.verify_as_own_root(
                &ServerName::from(std::net::IpAddr::from([127, 0, 0, 1])),
                SystemTime::now()
            ),
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
        )
    }

    /// Whether a client that trusts exactly this certificate accepts it for every one of `names` at `time`.
    pub(super) fn serves(&self, names: &[ServerName<'static>], time: SystemTime) -> bool {
        names.iter().all(|name| self.verify_as_own_root(name, time).is_ok())
    }

    fn verify_as_own_root(&self, name: &ServerName<'_>, time: SystemTime) -> Result<(), rustls::Error> {
        let (certificate, intermediates) =
            self.chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), super::provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        verifier
            .verify_server_cert(certificate, intermediates, name, &[], UnixTime::since_unix_epoch(since_1970))
            .map(drop)
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = read(path)?;
    let not_pem = |source| CertificateError::NotPem { path: path.to_owned(), what: "certificate", source };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(not_pem)?;
    if chain.is_empty() { Err(not_pem(pem::Error::NoItemsFound)) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|source| CertificateError::NotPem {
        path: path.to_owned(),
        what: "private key",
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Certificate {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let signed = CertificateParams::default().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Certificate { chain: vec![signed.der().clone()], key }
    }

    #[test]
    fn dtls_is_offered_with_any_kind_of_key() {
        for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            assert!(certificate(algorithm).dtls_identity().is_some());
        }
    }
}
