use std::time::Duration;

/// The first wait before connecting again.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait before attempt number `attempt`: twice as long each time up to a maximum, of which a random half keeps many
/// clients from coming back at the same moment. `random` is in 256ths.
pub(super) fn backoff(attempt: u32, random: u8) -> Duration {
    let whole = LONGEST.min(FIRST * 2_u32.saturating_pow(attempt.min(16)));
    whole / 2 + whole / 2 * u32::from(random) / 256
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, backoff};
    use std::time::Duration;

    #[test]
    fn waits_grow_to_a_maximum() {
        assert_eq!(backoff(0, 0), Duration::from_millis(100));
        assert!(backoff(1, 255) < Duration::from_millis(400));
        assert_eq!(backoff(u32::MAX, 0), LONGEST / 2);
    }
}
