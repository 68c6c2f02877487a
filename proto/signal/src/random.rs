//! Identifiers and secrets from one seeded generator.

use crate::id::{ParticipantId, SessionId, SessionSecret};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::fmt;

/// Characters that are hard to confuse when read aloud, 32 of them: 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A CSPRNG: what it makes cannot be guessed as long as the seed cannot.
pub(crate) struct IdSource(ChaCha20Rng);

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every secret to come.
        f.write_str("IdSource([redacted])")
    }
}

impl IdSource {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// 60 bits: unique among all participants a server will ever see.
    pub(crate) fn participant_id(&mut self) -> ParticipantId {
        ParticipantId::new(self.text("p_", 12))
    }

    /// 80 bits: unique; not a secret.
    pub(crate) fn session_id(&mut self) -> SessionId {
        SessionId::new(self.text("s_", 16))
    }

    /// 160 bits: cannot be guessed.
    pub(crate) fn session_secret(&mut self) -> SessionSecret {
        SessionSecret::new(self.text("", 32))
    }

    fn text(&mut self, prefix: &str, len: usize) -> String {
        let mut text = String::with_capacity(prefix.len() + len);
        text.push_str(prefix);
        for _ in 0..len {
            let index = self.0.next_u32() as usize % ALPHABET.len();
            text.push(char::from(ALPHABET[index]));
        }
        text
    }
}
