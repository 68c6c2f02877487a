use crate::message::RawAttribute;

/// The length of FINGERPRINT's value: a CRC-32.
pub(crate) const FINGERPRINT_LEN: usize = 4;

/// What became of the check of FINGERPRINT (RFC 8489 §14.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintCheck {
    /// There is none.
    Absent,
    /// It is that of this message.
    Valid,
    /// It is not, or has a wrong length: this may be another protocol's packet.
    Invalid,
}

pub(crate) fn check(message: &[u8], attribute: &RawAttribute<'_>) -> FingerprintCheck {
    // FINGERPRINT is last, so the length field counts exactly the attributes up to and with it, as the CRC wants.
    if attribute.value == crc(&message[..attribute.offset]).to_be_bytes() {
        FingerprintCheck::Valid
    } else {
        FingerprintCheck::Invalid
    }
}

/// The CRC-32 over `bytes`, made different from one that the protocol inside the packet may have at the same place.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    const XOR: u32 = 0x5354_554e;
    crc32fast::hash(bytes) ^ XOR
}
