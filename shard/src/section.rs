//! Media sections of a connection: by which tracks come, and slots are served.

use crate::format::PayloadTypes;
use moim_peer::ReceiveStreamId;
use moim_peer::sdp::jsep::TransceiverId;
use moim_rtp::payload::PayloadFormat;
use moim_sfu::{ENCODINGS_MAX, SubscriberSpec};
use moim_signal::id::TrackId;
use moim_wire::{MediaKind, Mid, PayloadType, Rid, Ssrc};

/// A section by which the client sends.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// What is sent, and by which payload type. What else was negotiated is not forwarded.
    pub(crate) format: PayloadFormat,
    pub(crate) payload_type: PayloadType,
    /// Which of its tracks the client says that is.
    pub(crate) track: Option<TrackId>,
    /// The encodings of a simulcast, in the client's order. Empty if it is none.
    pub(crate) rids: Vec<Rid>,
    /// The track, if it is forwarded.
    pub(crate) forwarded: Option<moim_sfu::TrackId>,
    pub(crate) streams: [Option<Stream>; ENCODINGS_MAX],
}

/// The stream that brings an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) id: ReceiveStreamId,
    pub(crate) ssrc: Ssrc,
    /// The one that it has taken the place of: what still comes of it is late.
    pub(crate) before: Option<Ssrc>,
}

/// What a packet's stream is to its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// It goes on.
    Same,
    /// It takes the place of another one.
    New,
    /// Another one has taken its place.
    Old,
}

/// A section by which the client receives: a slot of the forwarder's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: MediaKind,
    pub(crate) mid: Mid,
    pub(crate) transceiver: TransceiverId,
    /// By which media is sent there. None: the client does not receive by it at present.
    pub(crate) payload_types: PayloadTypes,
    /// The one that was used last.
    pub(crate) latest: Option<PayloadType>,
    /// Whether the client is to be told what it shows.
    pub(crate) is_news: bool,
}

/// All sections of a connection.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// By the number of their transceivers, which are never used again.
    incoming: Vec<Option<Incoming>>,
    /// By the number of their transceivers: slots.
    slot_of: Vec<Option<u16>>,
    /// By the numbers of the slots.
    pub(crate) slots: Vec<Outgoing>,
    /// Slots whose content is news.
    pub(crate) news: Vec<u16>,
}

impl Incoming {
    /// How many encodings it has.
    pub(crate) fn encodings(&self) -> usize {
        self.rids.len().max(1)
    }

    /// Which encoding a packet is of.
    pub(crate) fn encoding(&self, rid: Option<Rid>) -> Option<usize> {
        if self.rids.is_empty() {
            return Some(0);
        }
        self.rids.iter().position(|known| Some(*known) == rid)
    }

    /// Which encoding a stream brings.
    pub(crate) fn encoding_of(&self, stream: ReceiveStreamId) -> Option<usize> {
        self.streams.iter().position(|present| present.is_some_and(|present| present.id == stream))
    }

    /// A packet of a stream came.
    pub(crate) fn note(&mut self, encoding: usize, id: ReceiveStreamId, ssrc: Ssrc) -> Continuity {
        let Some(place) = self.streams.get_mut(encoding) else { return Continuity::Old };
        match place {
            Some(present) if present.ssrc == ssrc => {
                present.id = id;
                Continuity::Same
            }
            Some(present) if present.before == Some(ssrc) => Continuity::Old,
            Some(present) => {
                *present = Stream { id, ssrc, before: Some(present.ssrc) };
                Continuity::New
            }
            None => {
                *place = Some(Stream { id, ssrc, before: None });
                Continuity::Same
            }
        }
    }
}

impl Sections {
    pub(crate) fn incoming(&self, transceiver: TransceiverId) -> Option<&Incoming> {
        self.incoming.get(transceiver.0 as usize)?.as_ref()
    }

    pub(crate) fn incoming_mut(&mut self, transceiver: TransceiverId) -> Option<&mut Incoming> {
        self.incoming.get_mut(transceiver.0 as usize)?.as_mut()
    }

    /// All by which the client sends, with their transceivers.
    pub(crate) fn all_incoming(&self) -> impl Iterator<Item = (TransceiverId, &Incoming)> {
        (0..).map(TransceiverId).zip(&self.incoming).filter_map(|(id, section)| Some((id, section.as_ref()?)))
    }

    /// Sets by what the client sends, or that it sends nothing by this.
    pub(crate) fn set_incoming(&mut self, transceiver: TransceiverId, section: Option<Incoming>) {
        let place = transceiver.0 as usize;
        if self.incoming.len() <= place {
            self.incoming.resize_with(place + 1, || None);
        }
        self.incoming[place] = section;
    }

    /// The slot that a transceiver serves.
    pub(crate) fn slot_of(&self, transceiver: TransceiverId) -> Option<u16> {
        self.slot_of.get(transceiver.0 as usize).copied().flatten()
    }

    /// Whether every slot can show what is of a format.
    pub(crate) fn can_show(&self, format: PayloadFormat) -> bool {
        let mut slots = self.slots.iter().filter(|slot| slot.kind == format.kind());
        slots.all(|slot| slot.payload_types.get(format).is_some())
    }

    /// Adds slots behind those that there are: those for audio first, as the forwarder counts. Says how many of each.
    pub(crate) fn add_slots(&mut self, more: &[Outgoing]) -> SubscriberSpec {
        let of_kind = |kind| more.iter().filter(move |section| section.kind == kind);
        for section in of_kind(MediaKind::Audio).chain(of_kind(MediaKind::Video)) {
            let place = section.transceiver.0 as usize;
            if self.slot_of.len() <= place {
                self.slot_of.resize(place + 1, None);
            }
            self.slot_of[place] = u16::try_from(self.slots.len()).ok();
            self.slots.push(*section);
        }
        let count = |kind| u16::try_from(of_kind(kind).count()).unwrap_or(u16::MAX);
        SubscriberSpec { audio_slots: count(MediaKind::Audio), video_slots: count(MediaKind::Video) }
    }

    /// How many slots there are of each kind.
    pub(crate) fn slot_counts(&self) -> SubscriberSpec {
        let count = |kind| {
            let count = self.slots.iter().filter(|slot| slot.kind == kind).count();
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        SubscriberSpec { audio_slots: count(MediaKind::Audio), video_slots: count(MediaKind::Video) }
    }

    /// What a slot shows is to be told.
    pub(crate) fn note_news(&mut self, slot: u16) {
        if let Some(section) = self.slots.get_mut(usize::from(slot))
            && !std::mem::replace(&mut section.is_news, true)
        {
            self.news.push(slot);
        }
    }

    /// What is to be told now: the numbers of the slots.
    pub(crate) fn take_news(&mut self) -> Vec<u16> {
        for slot in &self.news {
            if let Some(section) = self.slots.get_mut(usize::from(*slot)) {
                section.is_news = false;
            }
        }
        std::mem::take(&mut self.news)
    }
}
