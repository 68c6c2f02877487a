use std::io;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader or writer underneath failed.
    #[error("input or output failed: {0}")]
    Io(#[from] io::Error),
    /// The file ends within a frame or a header: it was cut, and what came before is good.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// It is not such a file, or it is broken.
    #[error("the file is malformed: {0}")]
    Malformed(String),
    /// The file holds what is not known here.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A frame or a header is longer than anything real.
    #[error("{0} is longer than the limit")]
    TooLarge(&'static str),
    /// The caller's fault.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
}

impl Error {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}
