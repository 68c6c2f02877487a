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

/// Whether a log shows what identifies a person, at any level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privacy {
    /// A placeholder stands in its place.
    #[default]
    Redacted,
    /// It is shown.
    Full,
}

impl Privacy {
    /// `value` as the log may show it.
    pub fn show<T>(self, value: T) -> Shown<T> {
        Shown { value: Redacted(value), privacy: self }
    }
}

/// A value on its way into a log: see [`Privacy::show`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown<T> {
    value: Redacted<T>,
    privacy: Privacy,
}

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.privacy {
            Privacy::Redacted => write!(f, "{}", self.value),
            Privacy::Full => write!(f, "{:#}", self.value),
        }
    }
}

impl<T: fmt::Display> fmt::Debug for Shown<T> {
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

    #[test]
    fn shows_what_the_operator_wants_to_see() {
        assert_eq!(Privacy::Redacted.show("203.0.113.7").to_string(), "[redacted]");
        assert_eq!(Privacy::Full.show("203.0.113.7").to_string(), "203.0.113.7");
    }
}
