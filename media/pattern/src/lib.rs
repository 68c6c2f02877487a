//! A test picture and a test tone, made by rule: what a program without camera and microphone sends.
//!
//! - [`VideoPattern`]: VP8 frames that show a moving bar, patches of colour, noise that fills the bitrate asked for, and the
//!   frame's number as blocks of black and white, which [`read_number`] finds again in what was decoded.
//! - [`Tone`]: Opus packets of a sine tone.
//!
//! All of it is computed from numbers: no clock, no device, and the same bytes every time. Left out on purpose: encoding any other picture.
//! No encoder of VP8 that is well kept comes without a system's library, and this picture needs so little of one that its own is small.

mod error;
mod number;
mod picture;
mod rate;
#[cfg(test)]
mod testing;
mod tone;
mod video;
mod vp8;

pub use error::PatternError;
pub use number::read_number;
pub use tone::{Tone, ToneConfig};
pub use video::{EncodedPicture, PictureConfig, VideoPattern};
