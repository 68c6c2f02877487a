//! The certificate that handshakes use, which can be exchanged while connections go on.

use super::certificate::Certificate;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};

/// One certificate for every name. Handshakes that begin after [`Self::replace`] use the new one.
#[derive(Debug)]
pub(crate) struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl CurrentCertificate {
    /// Begins with `certificate`; an error if its key is of no use, or another's.
    pub(crate) fn new(certificate: &Certificate) -> Result<Self, rustls::Error> {
        Ok(Self(RwLock::new(Arc::new(certified(certificate)?))))
    }

    /// Exchanges the certificate. After an error, the one before stays.
    pub(crate) fn replace(&self, certificate: &Certificate) -> Result<(), rustls::Error> {
        let certified = Arc::new(certified(certificate)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certified(certificate: &Certificate) -> Result<CertifiedKey, rustls::Error> {
    CertifiedKey::from_der(certificate.chain.clone(), certificate.key.clone_key(), &super::provider())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;

    fn certificate() -> Certificate {
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::default().self_signed(&key).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Certificate { chain: vec![signed.der().clone()], key }
    }

    #[test]
    fn a_certificate_is_replaced_by_one_that_serves_only() {
        let (first, second) = (certificate(), certificate());
        let current = CurrentCertificate::new(&first).unwrap();
        let shown = || current.0.read().unwrap().cert.clone();
        assert_eq!(shown(), first.chain);

        let mismatched = Certificate { chain: second.chain.clone(), key: first.key.clone_key() };
        assert!(current.replace(&mismatched).is_err());
        assert_eq!(shown(), first.chain);

        current.replace(&second).unwrap();
        assert_eq!(shown(), second.chain);
    }
}
