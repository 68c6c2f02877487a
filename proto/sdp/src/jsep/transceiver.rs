use super::capability::Codec;
use super::change::NegotiatedMedia;
use super::error::Error;
use crate::Direction;
use crate::limit;
use moim_wire::{MediaKind, Mid, Rid, Ssrc};
use std::fmt;

/// A transceiver of a connection. It is never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransceiverId(pub u32);

impl fmt::Display for TransceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a transceiver begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransceiverInit {
    /// Which way its media shall go.
    pub direction: Direction,
    /// What it sends.
    pub sender: SenderInit,
    /// The codecs that it may use, the preferred one first; empty for all that the connection has, in their order.
    pub codec_preferences: Vec<Codec>,
    /// Whether a section that the other side offers may take this transceiver instead of making a new one: in the words of the W3C,
    /// what `addTrack()` makes may be taken, what `addTransceiver()` makes may not.
    pub matches_offers: bool,
}

/// What is sent, as descriptions say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderInit {
    /// The ids of the streams that it belongs to: 1 to 64 characters of a token each.
    pub streams: Vec<String>,
    /// The id of its track within them; may be empty.
    pub track: String,
    /// Its encodings. None is one without a rid; several have a rid each.
    pub encodings: Vec<EncodingInit>,
    /// The RTP streams, where there are no rids to go by.
    pub ssrcs: Vec<SenderSsrc>,
    /// The name that RTP streams which are played together share (RFC 7022); empty to say none.
    pub cname: String,
}

/// An encoding that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodingInit {
    /// Its name, if it is one of a simulcast.
    pub rid: Option<Rid>,
}

/// An RTP stream that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderSsrc {
    /// The stream.
    pub ssrc: Ssrc,
    /// The one that repeats what of it got lost (RFC 4588).
    pub rtx: Option<Ssrc>,
}

impl SenderInit {
    /// The names of its encodings; empty unless it is a simulcast.
    pub fn rids(&self) -> Vec<Rid> {
        self.encodings.iter().filter_map(|encoding| encoding.rid).collect()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let is_id = |id: &String| id.len() <= 64 && crate::text::is_token(id);
        let track_is_id = self.track.is_empty() || is_id(&self.track);
        if !self.streams.iter().all(is_id) || !track_is_id {
            return Err(Error::InvalidArgument(
                "the id of a stream or track has to have 1 to 64 characters of a token",
            ));
        }
        if self.encodings.len() > limit::ENCODINGS_MAX || self.streams.len() > limit::ENCODINGS_MAX {
            return Err(Error::LimitReached("encodings or streams of a sender"));
        }
        if self.ssrcs.len() > limit::ENCODINGS_MAX {
            return Err(Error::LimitReached("RTP streams of a sender"));
        }
        let mut rids = self.rids();
        if rids.len() != self.encodings.len() && (!rids.is_empty() || self.encodings.len() > 1) {
            return Err(Error::InvalidArgument("each of several encodings has to have a rid"));
        }
        rids.sort_unstable();
        rids.dedup();
        if !rids.is_empty() && rids.len() != self.encodings.len() {
            return Err(Error::InvalidArgument("each encoding has to have a rid of its own"));
        }
        if self.cname.len() > 255 || !self.cname.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidArgument(
                "the CNAME has to have at most 255 visible characters of ASCII",
            ));
        }
        Ok(())
    }
}

/// A sender and a receiver that share a media section (RFC 9429 §3.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transceiver {
    pub(super) id: TransceiverId,
    pub(super) kind: MediaKind,
    pub(super) mid: Option<Mid>,
    pub(super) direction: Direction,
    pub(super) current_direction: Option<Direction>,
    pub(super) state: TransceiverState,
    pub(super) sender: SenderInit,
    /// Places of the codecs it may use among the connection's.
    pub(super) codecs: Vec<usize>,
    pub(super) has_preferences: bool,
    pub(super) matches_offers: bool,
    pub(super) added_by_remote: bool,
    pub(super) media: Option<NegotiatedMedia>,
}

/// How far a transceiver is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransceiverState {
    /// It is in use.
    Active,
    /// It shall stop, and the other side does not know yet.
    Stopping,
}

impl Transceiver {
    /// Which one it is.
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// What it carries.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Its media section, once a description has been set that has one for it.
    pub fn mid(&self) -> Option<Mid> {
        self.mid
    }

    /// Which way its media shall go.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Which way its media goes, once that is negotiated.
    pub fn current_direction(&self) -> Option<Direction> {
        self.current_direction
    }

    /// Whether it is stopping. Those that have stopped are gone.
    pub fn state(&self) -> TransceiverState {
        self.state
    }

    /// What it sends.
    pub fn sender(&self) -> &SenderInit {
        &self.sender
    }

    /// Whether the other side's offer made it.
    pub fn added_by_remote(&self) -> bool {
        self.added_by_remote
    }

    /// What is negotiated, once it is.
    pub fn media(&self) -> Option<&NegotiatedMedia> {
        self.media.as_ref()
    }
}
