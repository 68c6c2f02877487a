use super::build;
use super::capability::{Capabilities, Codec};
use super::change::Changes;
use super::codec_match;
use super::error::Error;
use super::extension_ids::ExtensionIds;
use super::layout::{Bundle, Content, Layout};
use super::payload_types::PayloadTypes;
use super::state::{SdpType, SignalingState};
use super::transceiver::{SenderInit, Transceiver, TransceiverId, TransceiverInit, TransceiverState};
use super::transport::DtlsRole;
use crate::limit;
use crate::{Candidate, Direction, IcePassword, Msid, SessionDescription};
use moim_wire::{MediaKind, Mid};
use std::sync::Arc;

/// One side of the negotiation of one connection.
#[derive(Clone, Debug)]
pub struct Negotiator {
    pub(super) capabilities: Capabilities,
    pub(super) session_id: u64,
    pub(super) session_version: u64,
    pub(super) state: SignalingState,
    /// In the order of their ids.
    pub(super) transceivers: Vec<Transceiver>,
    next_transceiver: u32,
    next_mid: u32,
    pub(super) layout: Layout,
    /// Whether the application has asked for data channels.
    pub(super) wants_data: bool,
    /// What a rollback goes back to; present while an offer is open.
    pub(super) before: Option<Before>,
    pub(super) current: Agreed,
    pub(super) pending: Descriptions,
    /// Who made the offer that led to the current descriptions.
    pub(super) we_offered: bool,
    /// What was created last, and the layout it has.
    pub(super) created: Option<Created>,
    pub(super) payload_types: PayloadTypes,
    pub(super) extension_ids: ExtensionIds,
    pub(super) role: Option<DtlsRole>,
    /// The other side's credentials that an answer made valid, to tell when they change.
    pub(super) remote_ice: Option<(String, IcePassword)>,
}

/// The descriptions of both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptions {
    pub(super) local: Option<SessionDescription>,
    pub(super) remote: Option<SessionDescription>,
}

/// The descriptions of an exchange that is over, as text: hardly anybody asks for them again, and read they take three times the room.
#[derive(Clone, Debug, Default)]
pub(super) struct Agreed {
    local: Option<Kept>,
    remote: Option<Kept>,
    /// What each media section says that is looked at often.
    pub(super) sections: Vec<AgreedSection>,
}

/// A description that is kept.
#[derive(Clone, Debug)]
enum Kept {
    Text(Arc<str>),
    /// It is longer as text than what may be read: what was read may have had shorter lines, and we may have much to say.
    Whole(Arc<SessionDescription>),
}

/// What both sides said about a media section.
#[derive(Clone, Debug)]
pub(super) struct AgreedSection {
    /// Which way its media goes, in our words and in theirs.
    pub(super) ours: Direction,
    pub(super) theirs: Direction,
    /// The streams that we said it is of.
    pub(super) msids: Vec<Msid>,
}

impl Agreed {
    pub(super) fn of(local: &SessionDescription, remote: &SessionDescription) -> Self {
        let sections = local.media.iter().zip(&remote.media).map(|(our, their)| AgreedSection {
            ours: local.direction(our),
            theirs: remote.direction(their),
            msids: our.msids().cloned().collect(),
        });
        let sections = sections.collect();
        Self { local: Some(Kept::of(local)), remote: Some(Kept::of(remote)), sections }
    }
}

impl Kept {
    fn of(description: &SessionDescription) -> Self {
        let text = description.to_string();
        if text.len() <= limit::TEXT_LEN_MAX && text.lines().count() <= limit::LINES_MAX {
            Self::Text(Arc::from(text))
        } else {
            Self::Whole(Arc::new(description.clone()))
        }
    }

    fn read(&self) -> Option<SessionDescription> {
        match self {
            // It was written from a description, so that it can be read.
            Self::Text(text) => SessionDescription::parse(text).ok(),
            Self::Whole(description) => Some(SessionDescription::clone(description)),
        }
    }
}

/// What an offer may change and a rollback changes back.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) layout: Layout,
    /// The transceivers there were, with the sections they had.
    pub(super) associations: Vec<(TransceiverId, Option<Mid>)>,
}

/// A description that was created and may be set.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) is_offer: bool,
    pub(super) description: SessionDescription,
    pub(super) layout: Layout,
}

impl Negotiator {
    /// A negotiation that has not begun. The session's id has to be random, and below 2^63 (RFC 9429 §5.2.1).
    pub fn new(capabilities: Capabilities, session_id: u64) -> Self {
        Self {
            capabilities,
            session_id: session_id & (u64::MAX >> 1),
            session_version: 0,
            state: SignalingState::Stable,
            transceivers: Vec::new(),
            next_transceiver: 0,
            next_mid: 0,
            layout: Layout::new(),
            wants_data: false,
            before: None,
            current: Agreed::default(),
            pending: Descriptions::default(),
            we_offered: false,
            created: None,
            payload_types: PayloadTypes::default(),
            extension_ids: ExtensionIds::default(),
            role: None,
            remote_ice: None,
        }
    }

    /// Adds a transceiver, which the next offer will have a section for.
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, Error> {
        self.check_open("adding a transceiver")?;
        init.sender.check()?;
        let codecs = self.preferred_codecs(kind, &init.codec_preferences)?;
        let id = self.push_transceiver(kind, init.direction, codecs)?;
        let transceiver = self.transceiver_mut(id)?;
        transceiver.has_preferences = !init.codec_preferences.is_empty();
        transceiver.sender = init.sender;
        transceiver.matches_offers = init.matches_offers;
        Ok(id)
    }

    /// Changes which way the media of a transceiver shall go. It takes effect with the next negotiation.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), Error> {
        self.check_open("changing a direction")?;
        self.transceiver_mut(id)?.direction = direction;
        Ok(())
    }

    /// Changes what a transceiver sends, as descriptions will say it: for those that the other side's offer made, before the answer is created.
    pub fn set_sender(&mut self, id: TransceiverId, sender: SenderInit) -> Result<(), Error> {
        self.check_open("changing a sender")?;
        sender.check()?;
        self.transceiver_mut(id)?.sender = sender;
        Ok(())
    }

    /// Changes which codecs a transceiver may use, the preferred one first; none for all, in the connection's order.
    pub fn set_codec_preferences(&mut self, id: TransceiverId, preferences: &[Codec]) -> Result<(), Error> {
        self.check_open("changing codec preferences")?;
        let kind = self.transceiver_mut(id)?.kind;
        let codecs = self.preferred_codecs(kind, preferences)?;
        let transceiver = self.transceiver_mut(id)?;
        transceiver.codecs = codecs;
        transceiver.has_preferences = !preferences.is_empty();
        Ok(())
    }

    /// Stops a transceiver for good: at once if the other side has never heard of it, or else with the next negotiation.
    pub fn stop(&mut self, id: TransceiverId) -> Result<(), Error> {
        self.check_open("stopping a transceiver")?;
        let transceiver = self.transceiver_mut(id)?;
        transceiver.state = TransceiverState::Stopping;
        if transceiver.mid.is_none() {
            self.transceivers.retain(|transceiver| transceiver.id != id);
            // An offer that has a section for it must not be set any more.
            self.created = None;
        }
        Ok(())
    }

    /// Asks for a section for data channels, if there is none.
    pub fn add_data_section(&mut self) -> Result<(), Error> {
        self.check_open("adding data channels")?;
        self.wants_data = true;
        Ok(())
    }

    /// Ends the negotiation: nothing is possible any more.
    pub fn close(&mut self) {
        self.state = SignalingState::Closed;
    }

    /// The transceivers, in the order of their ids. Those that have stopped are gone.
    pub fn transceivers(&self) -> &[Transceiver] {
        &self.transceivers
    }

    /// A transceiver.
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        let index = self.transceivers.binary_search_by_key(&id, |transceiver| transceiver.id).ok()?;
        self.transceivers.get(index)
    }

    /// How far the exchange of descriptions is.
    pub fn signaling_state(&self) -> SignalingState {
        self.state
    }

    /// What the connection can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Our description that an answer made valid.
    pub fn current_local(&self) -> Option<SessionDescription> {
        self.current.local.as_ref()?.read()
    }

    /// Their description that an answer made valid.
    pub fn current_remote(&self) -> Option<SessionDescription> {
        self.current.remote.as_ref()?.read()
    }

    /// Our description in the exchange that is open.
    pub fn pending_local(&self) -> Option<&SessionDescription> {
        self.pending.local.as_ref()
    }

    /// Their description in the exchange that is open.
    pub fn pending_remote(&self) -> Option<&SessionDescription> {
        self.pending.remote.as_ref()
    }

    /// Our latest description.
    pub fn local(&self) -> Option<SessionDescription> {
        self.pending_local().cloned().or_else(|| self.current_local())
    }

    /// Our latest description with the candidates that are known by now, and whether they are all: for those who take no
    /// candidates one by one, and for who asks for it (RFC 9429 §4.1.13). At most
    /// [`CANDIDATES_MAX`](limit::CANDIDATES_MAX) are put in.
    pub fn local_with_candidates(
        &self,
        candidates: &[Candidate],
        is_complete: bool,
    ) -> Option<SessionDescription> {
        let mut description = self.local()?;
        let candidates = &candidates[..candidates.len().min(limit::CANDIDATES_MAX)];
        build::put_candidates(&mut description, candidates, is_complete);
        Some(description)
    }

    /// Their latest description.
    pub fn remote(&self) -> Option<SessionDescription> {
        self.pending_remote().cloned().or_else(|| self.current_remote())
    }

    /// The name of the first media section of our latest description.
    pub fn first_mid(&self) -> Option<Mid> {
        match self.pending_local() {
            Some(description) => description.media.first()?.mid(),
            None => self.layout.first().filter(|_| self.current.local.is_some())?.said_mid(),
        }
    }

    /// What we are in DTLS, once that is negotiated.
    pub fn role(&self) -> Option<DtlsRole> {
        self.role
    }

    /// Whether the offer that is open comes with other credentials than those before: then the answer needs new ones, too
    /// (RFC 8839 §4.4.1.1.1).
    pub fn remote_restarts_ice(&self) -> bool {
        let (Some(offer), Some((ufrag, password))) = (self.pending.remote.as_ref(), self.remote_ice.as_ref())
        else {
            return false;
        };
        let tagged = Bundle::of(offer).tagged();
        let offered = tagged.and_then(|index| offer.ice_credentials(&offer.media[index]));
        offered.is_some_and(|offered| offered != (ufrag.as_str(), password))
    }

    /// Whether there is a section for data channels that is negotiated or on offer.
    pub fn has_data_section(&self) -> bool {
        self.layout.iter().any(|slot| slot.content == Content::Data)
    }

    /// Sets what was created last as our description, or takes our open offer back.
    ///
    /// A description that is given has to be the one that was created; without one, that is taken. What fails has no effect.
    pub fn set_local(
        &mut self,
        kind: SdpType,
        description: Option<SessionDescription>,
    ) -> Result<Changes, Error> {
        if kind == SdpType::Rollback {
            return self.roll_back(SignalingState::HaveLocalOffer);
        }
        self.check_state(kind, true)?;
        let created = self.created.clone().ok_or(Error::Modified)?;
        let is_offer = kind == SdpType::Offer;
        if created.is_offer != is_offer || description.is_some_and(|given| given != created.description) {
            return Err(Error::Modified);
        }
        self.attempt(|next| match kind {
            SdpType::Offer => Ok(next.apply_local_offer(created)),
            SdpType::Pranswer | SdpType::Answer | SdpType::Rollback => {
                next.apply_local_answer(created.description, kind == SdpType::Answer)
            }
        })
    }

    /// Sets their description. Their offer takes the place of ours if ours is open: perfect negotiation has the polite side
    /// do so, and the other ignore the offer (RFC 9429 §4.1.10.2). What fails has no effect.
    pub fn set_remote(&mut self, kind: SdpType, description: SessionDescription) -> Result<Changes, Error> {
        if kind == SdpType::Rollback {
            return self.roll_back(SignalingState::HaveRemoteOffer);
        }
        if kind != SdpType::Offer || self.state != SignalingState::HaveLocalOffer {
            self.check_state(kind, false)?;
        }
        self.attempt(|next| match kind {
            SdpType::Offer => next.apply_remote_offer(description),
            SdpType::Pranswer | SdpType::Answer | SdpType::Rollback => {
                next.apply_remote_answer(description, kind == SdpType::Answer)
            }
        })
    }

    /// Does something that may fail half-way to a copy, which takes the place of this if it does not.
    fn attempt(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<Changes, Error>,
    ) -> Result<Changes, Error> {
        let mut next = self.clone();
        let changes = change(&mut next)?;
        *self = next;
        Ok(changes)
    }

    /// RFC 9429 §3.2, figure 2.
    fn check_state(&self, kind: SdpType, is_local: bool) -> Result<(), Error> {
        use SignalingState::{
            HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable,
        };
        let (allowed, operation): (&[SignalingState], _) = match (kind == SdpType::Offer, is_local) {
            (true, true) => (&[Stable, HaveLocalOffer], "setting a local offer"),
            (true, false) => (&[Stable, HaveRemoteOffer], "setting a remote offer"),
            (false, true) => (&[HaveRemoteOffer, HaveLocalPranswer], "setting a local answer"),
            (false, false) => (&[HaveLocalOffer, HaveRemotePranswer], "setting a remote answer"),
        };
        if allowed.contains(&self.state) {
            return Ok(());
        }
        Err(Error::InvalidState { operation, state: self.state })
    }

    pub(super) fn check_open(&self, operation: &'static str) -> Result<(), Error> {
        if self.state == SignalingState::Closed {
            return Err(Error::InvalidState { operation, state: self.state });
        }
        Ok(())
    }

    pub(super) fn transceiver_mut(&mut self, id: TransceiverId) -> Result<&mut Transceiver, Error> {
        let index = self.transceivers.binary_search_by_key(&id, |transceiver| transceiver.id);
        let index = index.map_err(|_| Error::UnknownTransceiver(id))?;
        self.transceivers.get_mut(index).ok_or(Error::UnknownTransceiver(id))
    }

    pub(super) fn push_transceiver(
        &mut self,
        kind: MediaKind,
        direction: Direction,
        codecs: Vec<usize>,
    ) -> Result<TransceiverId, Error> {
        if self.transceivers.len() >= limit::TRANSCEIVERS_MAX {
            return Err(Error::LimitReached("transceivers"));
        }
        let id = TransceiverId(self.next_transceiver);
        self.next_transceiver =
            self.next_transceiver.checked_add(1).ok_or(Error::LimitReached("ids of transceivers"))?;
        self.transceivers.push(Transceiver {
            id,
            kind,
            mid: None,
            direction,
            current_direction: None,
            state: TransceiverState::Active,
            sender: SenderInit::default(),
            codecs,
            has_preferences: false,
            matches_offers: false,
            added_by_remote: false,
            media: None,
        });
        Ok(id)
    }

    /// Places among the capabilities of the codecs that are preferred: of all, if none is.
    fn preferred_codecs(&self, kind: MediaKind, preferences: &[Codec]) -> Result<Vec<usize>, Error> {
        let all = self.capabilities.codecs(kind);
        if preferences.is_empty() {
            return Ok((0..all.len()).collect());
        }
        let mut places = Vec::new();
        for preferred in preferences {
            let place = all.iter().position(|codec| codec_match::matches(codec, preferred));
            let place = place.ok_or(Error::InvalidArgument("the connection has no such codec"))?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(places)
    }

    /// A name that no section has or has had, as far as names are numbers.
    pub(super) fn unused_mid(&self, is_used: impl Fn(Mid) -> bool) -> Mid {
        let mut number = self.next_mid;
        loop {
            let mid: Mid = number.to_string().parse().expect("a number of at most ten digits is a token");
            // There are fewer sections than numbers.
            if !is_used(mid) && !self.layout.iter().any(|slot| slot.mid == mid) {
                return mid;
            }
            number = number.wrapping_add(1);
        }
    }

    /// Takes note of the names in use, so that they do not come again when their sections are used for something else.
    pub(super) fn note_mids(&mut self) {
        // Who counts, counts from 0. Larger numbers are names that happen to be made of digits.
        let numbers = self.layout.iter().filter_map(|slot| slot.mid.as_str().parse::<u16>().ok());
        let beyond = numbers.map(|number| u32::from(number) + 1).max();
        self.next_mid = self.next_mid.max(beyond.unwrap_or_default());
    }
}
