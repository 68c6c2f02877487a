//! A small VP8 encoder (RFC 6386): what one generated picture needs, and no more.
//!
//! Key frames predict each macroblock from its neighbours (DC, vertical, horizontal, TrueMotion). All other frames take every
//! macroblock from where it was and add what changed; one in which nothing did costs a fraction of a bit. There is no motion search,
//! no loop filter and no adaptation of probabilities: pictures that are drawn by rule need none of them.

mod bool_writer;
mod encoder;
mod header;
mod macroblock;
mod planes;
mod prediction;
mod tables;
mod tokens;
mod transform;

pub(crate) use encoder::Encoder;
pub(crate) use planes::{MACROBLOCK, Picture, Plane};
