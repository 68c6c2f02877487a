/// Why bytes are no RTP or RTCP packet: always the fault of who sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum ParseError {
    /// It ends before its header does, or before what its header announces.
    #[error("it ends too early")]
    TooShort,
    /// Its version is not 2.
    #[error("its version is not 2")]
    Version,
    /// Its padding is empty, longer than what it could fill, or not a multiple of four bytes where it must be.
    #[error("its padding cannot be")]
    Padding,
    /// Its length field promises more bytes than there are.
    #[error("its length field is wrong")]
    Length,
    /// What its kind must contain is not there, or contradicts itself.
    #[error("its content is malformed")]
    Content,
}

impl ParseError {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 5] = [Self::TooShort, Self::Version, Self::Padding, Self::Length, Self::Content];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::Version => "version",
            Self::Padding => "padding",
            Self::Length => "length",
            Self::Content => "content",
        }
    }
}
