use super::Client;
use crate::attribute::{Data, DontFragment, XorPeerAddress};
use crate::channel_data::{self, padding};
use crate::method;
use crate::server::RelayedTransport;
use moim_stun::{BuildError, Class, MessageBuilder, Seal, TransactionId};
use rand_chacha::rand_core::RngCore;
use std::net::SocketAddr;
use std::time::Instant;

/// How much longer than its data a message to the server can be, in bytes: header, an IPv6 XOR-PEER-ADDRESS, DONT-FRAGMENT, the
/// head of DATA, padding and FINGERPRINT.
pub const FRAME_OVERHEAD_MAX: usize = 20 + 24 + 4 + 4 + 3 + 8;

/// Why data cannot be sent to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no allocation (yet, or any more), or it is one for TCP.
    #[error("there is no allocation that relays datagrams")]
    NotAllocated,
    /// The server has not said that it lets the peer through.
    #[error("the server does not let the peer through (yet)")]
    NotPermitted,
    /// The data and [`FRAME_OVERHEAD_MAX`] are more than the buffer holds.
    #[error("the buffer is too small")]
    BufferTooSmall,
    /// There are more data than a message carries.
    #[error("there are more data than a message carries")]
    TooLong,
}

impl Client {
    /// Writes a message to the server that has it send `data` to a peer, and returns its length. By a channel if one is bound, else
    /// by a Send indication (RFC 8656 §11.1, §12.5).
    pub fn send(
        &mut self,
        peer: SocketAddr,
        data: &[u8],
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        if !self.is_settled() || self.config.relayed != RelayedTransport::Udp {
            return Err(SendError::NotAllocated);
        }
        if let Some(number) = self.peers.number_of(peer, now) {
            let header = channel_data::header(number, data.len()).ok_or(SendError::TooLong)?;
            let padding = if self.config.transport.is_stream() { padding(data.len()) } else { 0 };
            let zeros = &[0; 3][..usize::from(padding)];
            return write(&[&header, data, zeros], out);
        }
        self.send_indication(peer, data, false, now, out)
    }

    /// Writes a Send indication, with DONT-FRAGMENT if the data must not be fragmented on their way (RFC 8656 §14).
    pub fn send_indication(
        &mut self,
        peer: SocketAddr,
        data: &[u8],
        dont_fragment: bool,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        if !self.is_settled() || self.config.relayed != RelayedTransport::Udp {
            return Err(SendError::NotAllocated);
        }
        if !self.peers.permits(peer.ip(), now) {
            return Err(SendError::NotPermitted);
        }
        let mut id = TransactionId([0; 12]);
        self.random.fill_bytes(&mut id.0);
        let mut indication = MessageBuilder::new(out, Class::Indication, method::SEND, id)?;
        indication.attribute(&XorPeerAddress(peer))?;
        if dont_fragment {
            indication.attribute(&DontFragment)?;
        }
        indication.attribute(&Data(data))?;
        Ok(indication.finish(Seal { fingerprint: self.config.fingerprint, ..Seal::default() })?.len())
    }
}

fn write(parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SendError> {
    let mut len = 0;
    for part in parts {
        let place = out.get_mut(len..len + part.len()).ok_or(SendError::BufferTooSmall)?;
        place.copy_from_slice(part);
        len += part.len();
    }
    Ok(len)
}

impl From<BuildError> for SendError {
    fn from(error: BuildError) -> Self {
        if error == BuildError::BufferTooSmall { Self::BufferTooSmall } else { Self::TooLong }
    }
}
