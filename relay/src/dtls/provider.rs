//! Cryptography for `dimpl`, which is its own but for cookies.
//!
//! `dimpl` keeps a session from the first ClientHello on and checks cookies by a secret of the session. Here the cookie is
//! checked before there is a session, so that the session is told what it is to take for right. It asks its HMAC provider
//! by `hmac_sha256` for cookies, and for nothing else; keys are derived through `hmac`.

use dimpl::crypto::{CryptoProvider, HmacProvider, aws_lc_rs};
use dimpl::{CryptoError, HashAlgorithm};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The cookie that the session which is being driven is to take. A session and its thread are one for a call.
    static CHECKED: Cell<Option<[u8; 32]>> = const { Cell::new(None) };
}

/// The provider to configure sessions with.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider { hmac_provider: &CheckedCookies, ..aws_lc_rs::default_provider() }
}

/// Runs `drive`, in which a session takes `cookie`, which was checked, for its own.
pub(super) fn with_cookie<T>(cookie: Option<[u8; 32]>, drive: impl FnOnce() -> T) -> T {
    let before = CHECKED.replace(cookie);
    let driven = drive();
    CHECKED.set(before);
    driven
}

/// Does something with a session. [`None`]: `dimpl` has panicked, which ends that session, and nobody else's.
///
/// It reads what strangers send. What a defect of it leaves behind is dropped with the session.
pub(super) fn contained<T>(drive: impl FnOnce() -> T) -> Option<T> {
    let driven = catch_unwind(AssertUnwindSafe(drive)).ok();
    if driven.is_none() {
        CHECKED.set(None);
    }
    driven
}

#[derive(Debug)]
struct CheckedCookies;

impl HmacProvider for CheckedCookies {
    fn hmac_sha256(&self, key: &[u8], data: &[u8]) -> Result<[u8; 32], CryptoError> {
        if let Some(cookie) = CHECKED.get() {
            return Ok(cookie);
        }
        aws_lc_rs::default_provider().hmac_provider.hmac_sha256(key, data)
    }

    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        aws_lc_rs::default_provider().hmac_provider.hmac(hash, key, data, out)
    }
}
