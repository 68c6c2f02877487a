//! The certificate that a connection shows, and fingerprints of certificates (RFC 8122).
//!
//! WebRTC trusts no authority: a certificate is self-signed, and it is the right one if its digest is the one that signalling
//! has told.

mod der;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use dimpl::DtlsCertificate;
use moim_sdp::{Fingerprint, HashAlgorithm};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a generated certificate is good for: the 30 days of browsers (W3C WebRTC §4.9).
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// A generated certificate is good from so long ago, so that clocks may differ.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 3600);

/// A certificate with its private key, and what else all connections that show it have in common. Shared by cloning.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    dtls: DtlsCertificate,
    fingerprint: Fingerprint,
    /// Made once: making it tests all of the cryptography, which takes longer than a handshake.
    config: Arc<dimpl::Config>,
}

/// A certificate cannot be used or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The key is not one for ECDSA with P-256 or P-384.
    #[error("DTLS takes keys for ECDSA with P-256 or P-384 only")]
    Key,
    /// The cryptography of this build did not make a key.
    #[error("no key could be generated")]
    Generate,
    /// The cryptography of this build has not passed the tests of the DTLS library.
    #[error("DTLS cannot be spoken with the cryptography of this build")]
    Dtls,
}

impl Certificate {
    /// A new self-signed certificate for ECDSA with P-256, as browsers make them.
    ///
    /// `unix_time` is the present as the time since 1970, for the dates in it. Keys come from the operating system's random
    /// source, which `aws-lc-rs` asks itself: a key that can be replayed would be none.
    pub fn generate(unix_time: Duration) -> Result<Self, CertificateError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| CertificateError::Generate)?;
        let public_key = key.public_key().as_ref();
        // Firefox tells certificates of one issuer apart by their serial numbers, so that they must differ.
        let digest = digest::digest(&digest::SHA256, public_key);
        let mut serial = [0; 16];
        serial.copy_from_slice(&digest.as_ref()[..16]);
        let tbs = der::to_be_signed(
            serial,
            unix_time.saturating_sub(CLOCK_SLACK),
            unix_time.saturating_add(CERTIFICATE_LIFETIME),
            public_key,
        );
        let signature = key.sign(&SystemRandom::new(), &tbs).map_err(|_| CertificateError::Generate)?;
        let private_key = key.to_pkcs8v1().map_err(|_| CertificateError::Generate)?;
        Self::new(der::certificate(&tbs, signature.as_ref()), private_key.as_ref().to_vec())
    }

    /// A certificate and its key, both in DER form (the key as in PKCS8 or SEC 1).
    pub fn new(certificate: Vec<u8>, private_key: Vec<u8>) -> Result<Self, CertificateError> {
        // A connection takes it for granted that the key can be loaded.
        let provider = dimpl::crypto::aws_lc_rs::default_provider();
        provider.key_provider.load_private_key(&private_key).map_err(|_| CertificateError::Key)?;
        let digest = digest::digest(&digest::SHA256, &certificate).as_ref().to_vec();
        let fingerprint = Fingerprint { algorithm: HashAlgorithm::Sha256, digest };
        let config = crate::dtls::config(None, false).map_err(|_| CertificateError::Dtls)?;
        let dtls = DtlsCertificate { certificate, private_key };
        Ok(Self { inner: Arc::new(Inner { dtls, fingerprint, config }) })
    }

    /// Its fingerprint by SHA-256, for session descriptions.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.inner.fingerprint
    }

    /// The certificate in DER form.
    pub fn der(&self) -> &[u8] {
        &self.inner.dtls.certificate
    }

    pub(crate) fn to_dtls(&self) -> DtlsCertificate {
        self.inner.dtls.clone()
    }

    /// How sessions are made that nobody replays.
    pub(crate) fn dtls_config(&self) -> Arc<dimpl::Config> {
        Arc::clone(&self.inner.config)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", self.fingerprint()).finish_non_exhaustive()
    }
}

/// Whether a certificate is the one that fingerprints were told of.
///
/// RFC 8122 §5: of several the strongest hash that both know decides, and one of its fingerprints has to match. SHA-1 and
/// older ones decide nothing.
pub(crate) fn is_certificate_of(der: &[u8], told: &[Fingerprint]) -> bool {
    let Some(strongest) = told.iter().filter_map(|told| strength(&told.algorithm)).max() else {
        return false;
    };
    told.iter().any(|told| {
        strength(&told.algorithm) == Some(strongest)
            && hash(&told.algorithm).is_some_and(|hash| digest::digest(hash, der).as_ref() == told.digest)
    })
}

/// Whether at least one of the fingerprints is by a hash that is taken.
pub(crate) fn has_usable(told: &[Fingerprint]) -> bool {
    told.iter().any(|told| strength(&told.algorithm).is_some())
}

fn strength(algorithm: &HashAlgorithm) -> Option<usize> {
    hash(algorithm).map(digest::Algorithm::output_len)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else there is, it is too weak or unknown")]
fn hash(algorithm: &HashAlgorithm) -> Option<&'static digest::Algorithm> {
    match algorithm {
        HashAlgorithm::Sha256 => Some(&digest::SHA256),
        HashAlgorithm::Sha384 => Some(&digest::SHA384),
        HashAlgorithm::Sha512 => Some(&digest::SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(algorithm: HashAlgorithm, der: &[u8]) -> Fingerprint {
        let digest = digest::digest(hash(&algorithm).unwrap_or(&digest::SHA1_FOR_LEGACY_USE_ONLY), der);
        Fingerprint { algorithm, digest: digest.as_ref().to_vec() }
    }

    #[test]
    fn generated_certificates_differ_and_carry_their_fingerprint() {
        let now = Duration::from_secs(1_800_000_000);

        let (one, other) = (Certificate::generate(now).unwrap(), Certificate::generate(now).unwrap());

        assert_ne!(one.der(), other.der());
        assert_eq!(one.fingerprint(), &fingerprint(HashAlgorithm::Sha256, one.der()));
        assert!(!format!("{one:?}").contains("private"), "keys are not for logs");
    }

    /// Covers: RFC 8122 §5
    #[test]
    fn the_strongest_known_hash_decides() {
        let sha256 = fingerprint(HashAlgorithm::Sha256, b"right");
        let sha384 = fingerprint(HashAlgorithm::Sha384, b"right");
        let sha512 = fingerprint(HashAlgorithm::Sha512, b"right");
        let sha1 = fingerprint(HashAlgorithm::Sha1, b"right");
        let wrong = fingerprint(HashAlgorithm::Sha512, b"wrong");

        for told in [&sha256, &sha384, &sha512] {
            assert!(is_certificate_of(b"right", &[told.clone(), sha1.clone()]));
            assert!(!is_certificate_of(b"other", std::slice::from_ref(told)));
        }
        assert!(!is_certificate_of(b"right", &[sha256.clone(), wrong.clone()]), "a weaker one is not enough");
        assert!(is_certificate_of(b"right", &[wrong, sha512]), "one of several certificates");
        assert!(!is_certificate_of(b"right", std::slice::from_ref(&sha1)) && !has_usable(&[sha1]));
        assert!(!is_certificate_of(b"right", &[]));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert_eq!(Certificate::new(vec![1], vec![2]).err(), Some(CertificateError::Key));
    }
}
