use serde::Serialize;
use std::fmt;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// The server does what the rule says.
    Pass,
    /// It does otherwise.
    Fail,
    /// It does not have the optional feature that the rule is about.
    NotSupported,
    /// The check could not be made, for the reason given.
    Skipped,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::Pass, Self::Fail, Self::NotSupported, Self::Skipped];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotSupported => "not supported",
            Self::Skipped => "skipped",
        }
    }
}

/// How a check ended, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) seen: String,
}

/// What a check returns: what was seen when the server did right, or any other verdict. So a check is a sequence of steps
/// that each end it by `?`.
pub(crate) type Outcome = Result<String, Verdict>;

impl Verdict {
    pub(crate) fn fail(seen: impl fmt::Display) -> Self {
        Self { status: Status::Fail, seen: seen.to_string() }
    }

    pub(crate) fn not_supported(seen: impl fmt::Display) -> Self {
        Self { status: Status::NotSupported, seen: seen.to_string() }
    }

    pub(crate) fn skipped(reason: impl fmt::Display) -> Self {
        Self { status: Status::Skipped, seen: reason.to_string() }
    }

    /// The same, when it was not the point of the check: something it needs before did not work.
    pub(crate) fn beforehand(self, what: &str) -> Self {
        match self.status {
            Status::Fail => Self::skipped(format_args!("{what}: {}", self.seen)),
            Status::Pass | Status::NotSupported | Status::Skipped => self,
        }
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(seen) => Self { status: Status::Pass, seen },
            Err(verdict) => verdict,
        }
    }
}

/// Something that the operating system refused is nothing the server did.
impl From<std::io::Error> for Verdict {
    fn from(error: std::io::Error) -> Self {
        Self::skipped(format_args!("a socket of this machine: {error}"))
    }
}
