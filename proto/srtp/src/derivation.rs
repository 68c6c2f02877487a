use crate::KeyError;
use crate::cipher::counter_mode_key;
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};
use zeroize::Zeroizing;

/// What a session key is for; its number is the label of RFC 3711 §4.3.2.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Makes session keys of a master key, with AES in counter mode (RFC 3711 §4.3.3; RFC 7714 §11 for AEAD), and a key
/// derivation rate of zero: once.
pub(crate) struct Derivation<'a> {
    cipher: EncryptingKey,
    salt: &'a [u8; 14],
}

impl<'a> Derivation<'a> {
    pub(crate) fn new(master_key: &[u8], salt: &'a [u8; 14]) -> Result<Self, KeyError> {
        Ok(Self { cipher: counter_mode_key(master_key)?, salt })
    }

    /// The first `N` bytes of the key stream for `label`.
    pub(crate) fn bytes<const N: usize>(&self, label: Label) -> Result<Zeroizing<[u8; N]>, KeyError> {
        let mut out = Zeroizing::new([0; N]);
        self.fill(label, out.as_mut_slice())?;
        Ok(out)
    }

    /// As many bytes of the key stream for `label` as `out` has.
    pub(crate) fn fill(&self, label: Label, out: &mut [u8]) -> Result<(), KeyError> {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(self.salt);
        iv[7] ^= label as u8;
        out.fill(0);
        let context = EncryptionContext::Iv128((&iv).into());
        self.cipher.less_safe_encrypt(out, context).map_err(|_| KeyError::Refused)?;
        Ok(())
    }
}
