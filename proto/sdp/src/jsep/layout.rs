//! Which media section is whose.

use super::transceiver::TransceiverId;
use crate::{SectionKind, SessionDescription};
use moim_wire::Mid;

/// The media sections of the session, in order. Their number only grows.
pub(super) type Layout = Vec<Slot>;

/// A media section, across all descriptions of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its name. One is made up for sections that the other side gives none.
    pub(super) mid: Mid,
    /// Whether descriptions say the name.
    pub(super) says_mid: bool,
    pub(super) kind: SectionKind,
    pub(super) content: Content,
}

/// Whose a media section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A transceiver's.
    Media(TransceiverId),
    /// The data channels'.
    Data,
    /// Nobody's: it was rejected, and may be used for something else (RFC 9429 §5.2.2).
    Rejected,
}

impl Slot {
    /// The name that descriptions say.
    pub(super) fn said_mid(&self) -> Option<Mid> {
        self.says_mid.then_some(self.mid)
    }
}

/// Which sections of a description share the transport, and which of them stands for all.
pub(super) struct Bundle {
    members: Vec<usize>,
}

impl Bundle {
    /// The sections of the bundle that are not rejected. Without a group, the first section is alone (RFC 9143 §7.2).
    pub(super) fn of(description: &SessionDescription) -> Self {
        let live = |index: &usize| !description.media[*index].is_rejected();
        let members: Vec<usize> = match description.bundle() {
            Some(mids) => mids
                .iter()
                .filter_map(|mid| description.media.iter().position(|section| section.mid() == Some(*mid)))
                .filter(live)
                .collect(),
            None => (0..description.media.len()).filter(live).take(1).collect(),
        };
        Self { members }
    }

    /// The section whose transport is that of all.
    pub(super) fn tagged(&self) -> Option<usize> {
        self.members.first().copied()
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.members.contains(&index)
    }
}
