use std::collections::BTreeMap;

/// The ids of one-byte headers (RFC 8285 §4.2); 15 ends them.
const ONE_BYTE: std::ops::RangeInclusive<u8> = 1..=14;
/// The further ids of two-byte headers (RFC 8285 §4.3).
const TWO_BYTE: std::ops::RangeInclusive<u8> = 16..=255;

/// Which ids header extensions have: the same in all sections of a bundle (RFC 9143 §10), and for good.
#[derive(Clone, Debug, Default)]
pub(super) struct ExtensionIds {
    by_id: BTreeMap<u8, String>,
}

impl ExtensionIds {
    /// The id of an extension: the one it has had, or else the lowest free one. `None` if there is none left.
    pub(super) fn id(&mut self, uri: &str) -> Option<u8> {
        if let Some((id, _)) = self.by_id.iter().find(|(_, other)| *other == uri) {
            return Some(*id);
        }
        let id = ONE_BYTE.chain(TWO_BYTE).find(|id| !self.by_id.contains_key(id))?;
        self.by_id.insert(id, uri.to_owned());
        Some(id)
    }

    /// The other side's offer calls an extension so: that holds from now on.
    pub(super) fn adopt(&mut self, id: u8, uri: &str) {
        self.by_id.retain(|_, other| other != uri);
        self.by_id.insert(id, uri.to_owned());
    }
}
