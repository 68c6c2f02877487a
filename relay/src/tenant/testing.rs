//! An outbox without a thread, for tests of tenants.

use super::Outbox;
use super::outbox::Packets;
use crate::handover::{Exchange, exchanges};
use crate::mailbox::Bell;
use crate::tenant::Way;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What a tenant's [`Outbox`] lies on when no shard has it. There is one shard, which has nobody to hand parcels over to.
pub struct Desk {
    packets: Packets,
    exchange: Exchange,
}

impl Desk {
    /// A desk with nothing on it. An error is the system's, which gives no more descriptors.
    pub fn new() -> io::Result<Self> {
        let bell = Arc::new(Bell::new()?);
        let exchange = exchanges(&[bell]).pop().ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { packets: Packets::default(), exchange })
    }

    /// The way out.
    pub fn outbox(&mut self) -> Outbox<'_> {
        Outbox::new(&mut self.packets, &mut self.exchange)
    }

    /// Takes what was sent, packet by packet, in order. Whether there was no room for more.
    pub fn take(&mut self, mut take: impl FnMut(Way, &[u8])) -> bool {
        for run in self.packets.runs() {
            for packet in self.packets.bytes(run).chunks(run.segment_len) {
                take(run.way, packet);
            }
        }
        self.packets.clear()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}
