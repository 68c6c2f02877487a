use crate::{AllocationId, ShardId};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rand_chacha::rand_core::RngCore;
use std::fmt;

/// What a mobility ticket says (RFC 8016): which allocation may move, and that this is its latest ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) shard: ShardId,
    pub(super) allocation: AllocationId,
    /// How many tickets the allocation had been given before.
    pub(super) sequence: u32,
}

const TICKET_LEN: usize = 2 + 8 + 4;
const TAG_LEN: usize = 16;
/// The length of a sealed ticket, in bytes.
pub(super) const SEALED_LEN: usize = NONCE_LEN + TICKET_LEN + TAG_LEN;

/// Seals tickets: nobody else can make one, or see what one says.
pub(super) struct TicketKey(LessSafeKey);

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey([redacted])")
    }
}

impl TicketKey {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).expect("a key of AES-256 has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Seals a ticket under a random nonce. Far fewer than 2^32 tickets are made with one key, so that no nonce comes twice.
    pub(super) fn seal(&self, ticket: Ticket, random: &mut impl RngCore) -> [u8; SEALED_LEN] {
        let mut sealed = [0; SEALED_LEN];
        let (nonce, rest) = sealed.split_at_mut(NONCE_LEN);
        random.fill_bytes(nonce);
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("it was split off with this length");
        let (text, tag) = rest.split_at_mut(TICKET_LEN);
        text[..2].copy_from_slice(&ticket.shard.0.to_be_bytes());
        text[2..10].copy_from_slice(&ticket.allocation.to_bits().to_be_bytes());
        text[10..].copy_from_slice(&ticket.sequence.to_be_bytes());
        let made =
            self.0.seal_in_place_separate_tag(nonce, Aad::empty(), text).expect("a ticket is short enough");
        tag.copy_from_slice(made.as_ref());
        sealed
    }

    /// Reads a ticket. [`None`]: it was not sealed with this key.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Ticket> {
        let mut sealed: [u8; SEALED_LEN] = sealed.try_into().ok()?;
        let (nonce, text) = sealed.split_at_mut(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.0.open_in_place(nonce, Aad::empty(), text).ok()?;
        let (shard, rest) = text.split_first_chunk()?;
        let (allocation, rest) = rest.split_first_chunk()?;
        Some(Ticket {
            shard: ShardId(u16::from_be_bytes(*shard)),
            allocation: AllocationId::from_bits(u64::from_be_bytes(*allocation)),
            sequence: u32::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::SeedableRng;

    /// Covers: RFC 8016 §3
    #[test]
    fn a_ticket_is_read_by_who_sealed_it_and_by_nobody_else() {
        let key = TicketKey::new(&[1; 32]);
        let mut random = ChaCha12Rng::from_seed([2; 32]);
        let ticket =
            Ticket { shard: ShardId(3), allocation: AllocationId::from_bits(4 << 32 | 5), sequence: 6 };

        let sealed = key.seal(ticket, &mut random);

        assert_eq!(key.open(&sealed), Some(ticket));
        assert_eq!(TicketKey::new(&[9; 32]).open(&sealed), None);
        for index in 0..SEALED_LEN {
            let mut forged = sealed;
            forged[index] ^= 1;
            assert_eq!(key.open(&forged), None, "byte {index}");
        }
        assert_eq!(key.open(&sealed[1..]), None);
        assert_eq!(key.open(b""), None);
        assert_ne!(key.seal(ticket, &mut random), sealed, "it tells nothing, not even that it is the same");
    }
}
