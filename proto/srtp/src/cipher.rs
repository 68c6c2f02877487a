use crate::derivation::{Derivation, Label};
use crate::{KeyError, MasterKey, Profile};
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use moim_wire::Ssrc;
use zeroize::Zeroizing;

/// The session keys of one direction of one of the two protocols.
pub(crate) enum Cipher {
    /// RFC 7714.
    Gcm(Gcm),
    /// RFC 3711 §4.1.1 and §4.2.1. Boxed: several times the size of the other.
    CounterMode(Box<CounterMode>),
}

/// Galois/counter mode encrypts and authenticates at once.
pub(crate) struct Gcm {
    key: LessSafeKey,
    /// The first eight bytes and the last four.
    salt: (u64, u32),
}

/// Counter mode only encrypts; HMAC-SHA1 authenticates what came of it.
pub(crate) struct CounterMode {
    key: EncryptingKey,
    salt: [u8; 14],
    mac: hmac::Key,
    pub(crate) tag_len: usize,
}

/// Which of the two protocols session keys are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtp,
    Rtcp,
}

impl Cipher {
    pub(crate) fn new(profile: Profile, master: &MasterKey, protocol: Protocol) -> Result<Self, KeyError> {
        if master.profile() != profile {
            return Err(KeyError::Profile);
        }
        let derivation = Derivation::new(master.key(), master.salt())?;
        let (encryption, authentication, salt) = match protocol {
            Protocol::Rtp => (Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            Protocol::Rtcp => (Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        };
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..profile.key_len()];
        derivation.fill(encryption, key)?;
        let algorithm = match profile {
            Profile::AeadAes128Gcm => &aead::AES_128_GCM,
            Profile::AeadAes256Gcm => &aead::AES_256_GCM,
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                let mac_key = derivation.bytes::<20>(authentication)?;
                // RFC 5764 §4.1.2: RTCP has 80 bits under either profile.
                let tag_len = if protocol == Protocol::Rtcp { 10 } else { profile.rtp_overhead() };
                let cipher = CounterMode::new(key, *derivation.bytes(salt)?, mac_key.as_slice(), tag_len)?;
                return Ok(Self::CounterMode(Box::new(cipher)));
            }
        };
        Ok(Self::Gcm(Gcm::new(algorithm, key, *derivation.bytes(salt)?)?))
    }
}

impl Gcm {
    pub(crate) const TAG_LEN: usize = 16;

    pub(crate) fn new(
        algorithm: &'static aead::Algorithm,
        key: &[u8],
        salt: [u8; 12],
    ) -> Result<Self, KeyError> {
        let key = UnboundKey::new(algorithm, key).map_err(|_| KeyError::Refused)?;
        let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11] = salt;
        let salt =
            (u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]), u32::from_be_bytes([s8, s9, s10, s11]));
        Ok(Self { key: LessSafeKey::new(key), salt })
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, rollover counter, sequence number; each bit changed by the salt's.
    ///
    /// Written in the two pieces that ciphers read it in. Byte by byte, it could not be read back before the processor is done with
    /// everything that was written earlier: a packet, most of the time.
    #[expect(clippy::cast_possible_truncation, reason = "the two pieces of an index of 48 bits")]
    pub(crate) fn rtp_nonce(&self, ssrc: Ssrc, index: u64) -> Nonce {
        let first = self.salt.0 ^ (u64::from(ssrc.0) << 16) ^ (index >> 32);
        let last = self.salt.1 ^ index as u32;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&first.to_be_bytes());
        nonce[8..].copy_from_slice(&last.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes, a zero bit and the index of SRTCP. That is the same with an
    /// index of 31 bits for one of 48.
    pub(crate) fn rtcp_nonce(&self, ssrc: Ssrc, index: u32) -> Nonce {
        self.rtp_nonce(ssrc, u64::from(index))
    }

    /// Encrypts `text` in place, and hands out the tag over it and `aad`.
    pub(crate) fn seal(&self, nonce: Nonce, aad: &[u8], text: &mut [u8]) -> Result<aead::Tag, Unspecified> {
        self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), text)
    }

    /// Decrypts `text` in place if `tag` is right. If not, `text` is lost.
    pub(crate) fn open(
        &self,
        nonce: Nonce,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Unspecified> {
        self.key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text).map(|_| ())
    }
}

impl CounterMode {
    pub(crate) fn new(key: &[u8], salt: [u8; 14], mac_key: &[u8], tag_len: usize) -> Result<Self, KeyError> {
        let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, mac_key);
        Ok(Self { key: counter_mode_key(key)?, salt, mac, tag_len })
    }

    /// Encrypts or decrypts: counter mode does the same for both (RFC 3711 §4.1.1). The index is that of RTP or of RTCP.
    pub(crate) fn apply(&self, ssrc: Ssrc, index: u64, text: &mut [u8]) -> Result<(), Unspecified> {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[4..8].iter_mut().zip(ssrc.0.to_be_bytes()).for_each(|(byte, of_ssrc)| *byte ^= of_ssrc);
        iv[6..14].iter_mut().zip(index.to_be_bytes()).for_each(|(byte, of_index)| *byte ^= of_index);
        self.key.less_safe_encrypt(text, EncryptionContext::Iv128((&iv).into()))?;
        Ok(())
    }

    /// The tag over `authenticated`, and over `appended` that packets do not carry; not yet shortened.
    pub(crate) fn tag(&self, authenticated: &[u8], appended: &[u8]) -> hmac::Tag {
        // A context is a copy of the key's, on the stack.
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(authenticated);
        context.update(appended);
        context.sign()
    }

    /// Whether `tag` is right, found out in constant time.
    pub(crate) fn is_authentic(&self, authenticated: &[u8], appended: &[u8], tag: &[u8]) -> bool {
        let expected = self.tag(authenticated, appended);
        verify_slices_are_equal(&expected.as_ref()[..self.tag_len], tag).is_ok()
    }
}

/// AES in counter mode, with 128 or 256 bits by the length of `key`.
pub(crate) fn counter_mode_key(key: &[u8]) -> Result<EncryptingKey, KeyError> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr).map_err(|_| KeyError::Refused)
}
