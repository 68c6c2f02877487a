use super::ExtensionKind;
use std::fmt;

/// Which number stands for which extension on a connection: what the `extmap` lines of session descriptions agree on (RFC 8285 §5).
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionMap {
    kinds: [Option<ExtensionKind>; 256],
    /// By kind; 0 is none.
    ids: [u8; ExtensionKind::ALL.len()],
    allow_mixed: bool,
    /// Whether a number does not fit the one-byte form.
    has_large_id: bool,
}

/// Why a number cannot stand for an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// The numbers 0 and 15 mean something else (RFC 8285 §4.2).
    #[error("the number cannot stand for an extension")]
    Id,
    /// The number or the extension is taken.
    #[error("the number or the extension is already mapped otherwise")]
    Taken,
}

impl ExtensionMap {
    /// A map of nothing, for packets in the one-byte form.
    pub fn new() -> Self {
        Self { kinds: [None; 256], ids: [0; _], allow_mixed: false, has_large_id: false }
    }

    /// Lets `id` stand for `kind`. Saying the same twice is fine.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), MapError> {
        if id == 0 || id == 15 {
            return Err(MapError::Id);
        }
        let (of_id, of_kind) = (&mut self.kinds[usize::from(id)], &mut self.ids[kind as usize]);
        if of_id.is_some_and(|other| other != kind) || (*of_kind != 0 && *of_kind != id) {
            return Err(MapError::Taken);
        }
        *of_id = Some(kind);
        *of_kind = id;
        self.has_large_id |= id > 14;
        Ok(())
    }

    /// Whether both forms may follow each other in a stream: `extmap-allow-mixed` was agreed on (RFC 8285 §6).
    pub fn set_allow_mixed(&mut self, allow_mixed: bool) {
        self.allow_mixed = allow_mixed;
    }

    /// What the number stands for.
    pub fn kind(&self, id: u8) -> Option<ExtensionKind> {
        self.kinds[usize::from(id)]
    }

    /// The number that stands for `kind`.
    pub fn id(&self, kind: ExtensionKind) -> Option<u8> {
        match self.ids[kind as usize] {
            0 => None,
            id => Some(id),
        }
    }

    /// The mapped kinds with their numbers, in the order of kinds.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
        ExtensionKind::ALL.into_iter().filter_map(|kind| Some((self.id(kind)?, kind)))
    }

    /// Whether a packet may have the two-byte form.
    pub(crate) fn allows_two_byte(&self) -> bool {
        self.allow_mixed || self.has_large_id
    }

    /// Whether every packet must: a stream has one form only unless mixing is allowed (RFC 8285 §4.1).
    pub(crate) fn requires_two_byte(&self) -> bool {
        self.has_large_id && !self.allow_mixed
    }
}

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExtensionMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
