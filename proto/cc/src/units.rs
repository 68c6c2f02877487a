//! Between whole numbers of the outside and the arithmetic of estimates. Every conversion saturates.

use moim_wire::Bitrate;
use std::time::Duration;

#[expect(clippy::cast_precision_loss, reason = "rates and sizes are far below 2^53")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "differences of microseconds are far below 2^53")]
pub(crate) fn float_signed(value: i64) -> f64 {
    value as f64
}

pub(crate) fn bps(rate: Bitrate) -> f64 {
    float(rate.as_bps())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
pub(crate) fn bitrate(bps: f64) -> Bitrate {
    Bitrate::from_bps(bps as u64)
}

/// Microseconds, without the 128-bit division of `Duration::as_micros`.
pub(crate) fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()))
}

/// `later` minus `earlier` where either may be the greater.
pub(crate) fn difference(later: u64, earlier: u64) -> i64 {
    i64::try_from(later.abs_diff(earlier))
        .map_or(i64::MAX, |distance| if later >= earlier { distance } else { -distance })
}
