//! SRTP and SRTCP (RFC 3711, RFC 7714), in place.
//!
//! Two structures per connection: a [`Sealer`] for what is sent, an [`Opener`] for what arrives. Both work in the buffer
//! the packet lies in and allocate nothing per packet.
//!
//! What RTP needs per stream is not in them but with the caller, beside the rest of the stream's state, where it is found once
//! per packet: the extended sequence number ([`moim_wire::ExtSeqNo`]) of an outgoing stream, and the [`ReplayWindow`] of an
//! incoming one. What RTCP needs per source is inside, since reports are few.
//!
//! ```
//! use moim_srtp::{KeyingMaterial, MasterKey, OVERHEAD_MAX, Opener, Profile, ReplayWindow, Sealer};
//! use moim_wire::{ExtSeqNo, SeqNo};
//!
//! # let exported = [7; 56];
//! let profile = Profile::AeadAes128Gcm;
//! let keys = KeyingMaterial::from_dtls(profile, &exported)?;
//! let sealer = Sealer::new(profile, &keys.client_write)?;
//! let opener = Opener::new(profile, &keys.client_write)?;
//!
//! let mut packet = [0; 12 + 5 + OVERHEAD_MAX];
//! packet[0] = 0x80; // version 2, sequence number 1
//! packet[3] = 1;
//! packet[12..17].copy_from_slice(b"hello");
//! let sealed_len = sealer.seal_rtp(&mut packet, 17, 12, ExtSeqNo::first(SeqNo(1)))?;
//!
//! let mut window = ReplayWindow::new();
//! let opened = opener.open_rtp(&mut window, &mut packet[..sealed_len], 12)?;
//! assert_eq!(&packet[12..opened.len], b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Left out
//! MKI (RFC 3711 §3.1) and re-keying: DTLS-SRTP in WebRTC uses neither. SRTCP that is not encrypted is not accepted, though
//! RFC 3711 §3.4 has a bit for it. Encrypted header extensions (RFC 6904) and Cryptex (RFC 9335).

mod cipher;
mod derivation;
mod error;
mod key;
mod open;
mod profile;
mod replay;
mod seal;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use error::{KeyError, Reject, Rejects, SealError};
pub use key::{KeyingMaterial, MasterKey};
pub use open::{Opened, Opener, RTCP_SOURCES_MAX};
pub use profile::{OVERHEAD_MAX, Profile};
pub use replay::{REPLAY_WINDOW, ReplayWindow};
pub use seal::Sealer;

#[cfg(test)]
mod tests;
