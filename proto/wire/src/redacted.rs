use std::fmt;

/// A value that identifies a person (an address, a name) on its way into a log.
///
/// `{}` prints what may be kept: nothing but a placeholder. `{:#}` prints the value itself, for the DEBUG and TRACE
/// levels, which an operator switches on knowingly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Redacted<T>(pub T);

impl<T: fmt::Display> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { self.0.fmt(f) } else { f.write_str("[redacted]") }
    }
}

impl<T: fmt::Display> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_value_only_when_asked_to() {
        let address = Redacted("203.0.113.7:4000");

        assert_eq!(format!("{address}"), "[redacted]");
        assert_eq!(format!("{address:?}"), "[redacted]");
        assert_eq!(format!("{address:#}"), "203.0.113.7:4000");
    }
}
