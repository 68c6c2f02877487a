//! Offers of clients, and the answers to them.

use crate::config::{OFFER_INTERVAL, OFFERS_AT_ONCE_MAX, SECTIONS_MAX, SENDING_SECTIONS_MAX};
use crate::connection::{Channels, Connection};
use crate::format::{PayloadTypes, capabilities};
use crate::section::{Incoming, Outgoing};
use moim_peer::PeerConnection;
use moim_peer::sdp::jsep::{SdpType, Transceiver, TransceiverId};
use moim_peer::sdp::{Direction, SectionKind, SessionDescription};
use moim_sfu::{ENCODINGS_MAX, SLOTS_MAX};
use moim_signal::message::{ConnectionEndReason, MidTrack};
use moim_wire::{MediaKind, Mid};
use std::time::Instant;

/// Why an offer is not answered. The texts are for whoever writes a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("The offer cannot be read: {0}. Send a complete session description (RFC 8866).")]
    Unreadable(#[from] moim_peer::sdp::ParseError),
    #[error(
        "The offer has {count} media sections {what}, and a connection may have {limit} of them. Offer fewer."
    )]
    TooManySections { what: &'static str, count: usize, limit: usize },
    #[error("The offer cannot be answered: {0}.")]
    Refused(#[from] moim_peer::Error),
    #[error(
        "There were more offers than a participant may make: one a second, and {OFFERS_AT_ONCE_MAX} at once. Collect changes, and offer them together."
    )]
    TooOften,
    #[error("The server has as many sections of connections as it takes. Try again later.")]
    Full,
    #[error("The offer cannot be answered: it has no media section that could be accepted.")]
    Empty,
}

impl OfferError {
    /// What a client is told that it is.
    pub(crate) fn reason(&self) -> ConnectionEndReason {
        match self {
            Self::Full => ConnectionEndReason::ServerFull,
            Self::Unreadable(_)
            | Self::TooManySections { .. }
            | Self::Refused(_)
            | Self::TooOften
            | Self::Empty => ConnectionEndReason::BadOffer,
        }
    }
}

/// How many offers may still come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// When as many as may come at once may come again.
    full_at: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether another offer may come.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + OFFER_INTERVAL;
        let is_allowed = full_at <= now + OFFER_INTERVAL * OFFERS_AT_ONCE_MAX;
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

/// What an offer has, as far as it is read here.
#[derive(Debug)]
struct Offered {
    mid: Mid,
    kind: MediaKind,
    /// Which way the client's media goes.
    direction: Direction,
}

impl Connection {
    /// Takes an offer, and says the answer. Slots that come with it are behind those that there were.
    pub(crate) fn answer(
        &mut self,
        sdp: &str,
        tracks: &[MidTrack],
        now: Instant,
    ) -> Result<Answered, OfferError> {
        let description = SessionDescription::parse(sdp)?;
        let offered = read(&description)?;
        let peer = &mut self.peer;
        peer.set_remote(SdpType::Offer, sdp, now)?;
        for section in &offered {
            if let Some(id) = transceiver(peer, section.mid) {
                peer.set_direction(id, section.direction.reversed(), now)?;
                // Whatever the client prefers: what everybody can show goes first.
                peer.set_codec_preferences(id, capabilities().codecs(section.kind))?;
            }
        }
        let mut sections = description.media.iter();
        let has_data = sections.any(|it| it.kind == SectionKind::Application && !it.is_rejected());
        if has_data && self.channels.is_none() {
            self.channels = Some(Channels::make(peer, now)?);
        }
        peer.create_answer()?;
        peer.set_local(SdpType::Answer, now)?;
        let more_slots = self.follow(&offered, tracks);
        let sdp = self.peer.local_description().ok_or(OfferError::Empty)?;
        Ok(Answered { sdp, more_slots })
    }

    /// What has been negotiated.
    fn follow(&mut self, offered: &[Offered], tracks: &[MidTrack]) -> moim_sfu::SubscriberSpec {
        let mut more = Vec::new();
        for section in offered {
            let Some(id) = transceiver(&self.peer, section.mid) else { continue };
            let Some(media) = self.peer.transceiver(id).and_then(|transceiver| transceiver.media()) else {
                self.sections.set_incoming(id, None);
                continue;
            };
            let direction = media.direction;
            let payload_types = PayloadTypes::of(&media.send_codecs);
            let is_slot = direction.sends() && payload_types.preferred(section.kind).is_some();
            let rids: Vec<_> = media.receive_rids.iter().take(ENCODINGS_MAX).copied().collect();
            let track = tracks.iter().find(|track| track.mid == section.mid.as_str());
            let sent = PayloadTypes::of(&media.receive_codecs).preferred(section.kind);
            let incoming = sent.filter(|_| direction.receives()).map(|(format, payload_type)| {
                let before = self.sections.incoming(id);
                let before = before.filter(|before| before.rids == rids && before.format == format);
                Incoming {
                    format,
                    payload_type,
                    track: track.map(|track| track.track.clone()),
                    forwarded: before.and_then(|before| before.forwarded),
                    streams: before.map(|before| before.streams).unwrap_or_default(),
                    rids,
                }
            });
            self.sections.set_incoming(id, incoming);
            match self.sections.slot_of(id) {
                Some(slot) => {
                    let slot = &mut self.sections.slots[usize::from(slot)];
                    slot.payload_types = if is_slot { payload_types } else { PayloadTypes::default() };
                }
                // The forwarder has room for no more. What the section could have shown others do.
                None if is_slot && self.sections.slots.len() + more.len() < SLOTS_MAX => {
                    more.push(Outgoing {
                        kind: section.kind,
                        mid: section.mid,
                        transceiver: id,
                        payload_types,
                        latest: None,
                        is_news: false,
                    });
                }
                None => {}
            }
        }
        self.sections.add_slots(&more)
    }
}

/// What became of an offer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) sdp: String,
    pub(crate) more_slots: moim_sfu::SubscriberSpec,
}

/// The media sections of an offer, in order, if they are not too many.
fn read(description: &SessionDescription) -> Result<Vec<Offered>, OfferError> {
    let mut offered = Vec::new();
    if description.media.len() > SECTIONS_MAX + 1 {
        let count = description.media.len();
        return Err(OfferError::TooManySections { what: "in all", count, limit: SECTIONS_MAX + 1 });
    }
    for section in &description.media {
        let (Some(kind), Some(mid)) = (section.kind.media(), section.mid()) else { continue };
        if section.is_rejected() {
            continue;
        }
        offered.push(Offered { mid, kind, direction: description.direction(section) });
    }
    let count = |is_counted: fn(Direction) -> bool| {
        offered.iter().filter(|section| is_counted(section.direction)).count()
    };
    let (sending, receiving) = (count(Direction::sends), count(Direction::receives));
    if sending > SENDING_SECTIONS_MAX {
        let what = "by which the client sends";
        return Err(OfferError::TooManySections { what, count: sending, limit: SENDING_SECTIONS_MAX });
    }
    if receiving > SLOTS_MAX {
        let what = "by which the client receives";
        return Err(OfferError::TooManySections { what, count: receiving, limit: SLOTS_MAX });
    }
    Ok(offered)
}

fn transceiver(peer: &PeerConnection, mid: Mid) -> Option<TransceiverId> {
    peer.transceivers().iter().find(|transceiver| transceiver.mid() == Some(mid)).map(Transceiver::id)
}
