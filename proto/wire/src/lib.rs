//! Words that every protocol crate of moim uses.
//!
//! Nothing here knows a protocol. What is here is what two or more crates would otherwise each define for themselves.

mod address;
mod cursor;
mod deadline;
mod drops;
mod label;
mod media;
mod redacted;

pub use address::is_one_host;
pub use cursor::{OutOfSpace, Reader, Writer};
pub use deadline::Deadline;
pub use label::{LABEL_LEN_MAX, LabelError, Mid, Rid};
pub use media::{Bitrate, ExtSeqNo, MediaKind, NtpTime, PayloadType, RtpTimestamp, SeqNo, Ssrc};
pub use redacted::{Privacy, Redacted, Shown};
