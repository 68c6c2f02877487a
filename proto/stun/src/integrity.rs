use crate::header::HEADER_LEN;
use crate::key::IntegrityKey;
use crate::message::RawAttribute;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

/// The length of MESSAGE-INTEGRITY's value, in bytes: an HMAC-SHA1 (RFC 8489 §14.5).
pub const SHA1_LEN: usize = 20;
/// The length of MESSAGE-INTEGRITY-SHA256's value when it is not truncated, in bytes (RFC 8489 §14.6).
pub const SHA256_LEN: usize = 32;
/// The shortest value that MESSAGE-INTEGRITY-SHA256 may be truncated to, in bytes (RFC 8489 §14.6).
pub const SHA256_LEN_MIN: usize = 16;

/// What became of the check of a message integrity attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// There is none.
    Absent,
    /// It was made with this key, over all that comes before it.
    Valid,
    /// It was not, or has a length that is not allowed.
    Invalid,
}

pub(crate) fn check_sha1(message: &[u8], attribute: &RawAttribute<'_>, key: &IntegrityKey) -> IntegrityCheck {
    if attribute.value.len() != SHA1_LEN {
        return IntegrityCheck::Invalid;
    }
    compare(attribute.value, &sign(message, attribute.offset, SHA1_LEN, &key.sha1()))
}

pub(crate) fn check_sha256(
    message: &[u8],
    attribute: &RawAttribute<'_>,
    key: &IntegrityKey,
    len_min: usize,
) -> IntegrityCheck {
    let len = attribute.value.len();
    if !(len_min.max(SHA256_LEN_MIN)..=SHA256_LEN).contains(&len) || !len.is_multiple_of(4) {
        return IntegrityCheck::Invalid;
    }
    compare(attribute.value, &sign(message, attribute.offset, len, &key.sha256()))
}

/// The HMAC for an integrity attribute that begins at `offset` of `message` and has a value of `value_len` bytes.
///
/// It covers the message before the attribute, with a length field that counts up to the end of the attribute: what
/// comes after it (another integrity, a fingerprint) is added later by the sender, and not there yet (RFC 8489 §14.5).
pub(crate) fn sign(message: &[u8], offset: usize, value_len: usize, key: &hmac::Key) -> hmac::Tag {
    let body_len = offset + 4 + value_len - HEADER_LEN;
    let body_len =
        u16::try_from(body_len).expect("the attribute lies within a message, whose length is a u16");
    let mut context = hmac::Context::with_key(key);
    context.update(&message[..2]);
    context.update(&body_len.to_be_bytes());
    context.update(&message[4..offset]);
    context.sign()
}

/// Compares in a time that tells nothing about the expected value.
fn compare(value: &[u8], expected: &hmac::Tag) -> IntegrityCheck {
    match verify_slices_are_equal(value, &expected.as_ref()[..value.len()]) {
        Ok(()) => IntegrityCheck::Valid,
        Err(_) => IntegrityCheck::Invalid,
    }
}
