//! Media files: IVF, Ogg Opus and WebM, read and written.
//!
//! Writers write each frame at once and in order, so that what was written plays if the rest never comes. They take a
//! [`Write`](std::io::Write), readers a [`Read`](std::io::Read): a file, a pipe, memory. Wrap files in `BufWriter` and `BufReader`.
//!
//! | format | what it holds | document |
//! | --- | --- | --- |
//! | [`ivf`] | one video track: VP8, VP9, AV1 | a header of 32 bytes and one of 12 before each frame |
//! | [`ogg`] | one Opus track | RFC 3533, RFC 7845 |
//! | [`webm`] | audio and video: VP8, VP9, AV1, Opus; as Matroska also H.264 | RFC 9559, RFC 8794 |

mod codec;
mod error;
pub mod ivf;
pub mod ogg;
pub mod opus_head;
pub mod webm;

pub use codec::Codec;
pub use error::Error;

/// The longest frame that is read or written.
pub const FRAME_LEN_MAX: usize = 4 << 20;
