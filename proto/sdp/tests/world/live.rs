//! Two negotiators that do whatever bytes say, over channels that keep order, with glare settled by perfect negotiation. In
//! the end they have agreed, and on the same.

use moim_sdp::jsep::{
    Capabilities, Codec, DtlsRole, EncodingInit, NegotiatedMedia, Negotiator, SdpType, SenderInit,
    SenderSsrc, SignalingState, TransceiverId, TransceiverInit, TransceiverState,
};
use moim_sdp::{Direction, FormatParameters, SessionDescription, testing};
use moim_wire::{MediaKind, Rid, Ssrc};
use std::collections::{BTreeMap, VecDeque};

/// How many exchanges it may take at most until nothing needs negotiation any more: one side says what it has to, then the
/// other, and what came of that.
const ROUNDS_MAX: usize = 8;
const TRANSCEIVERS_MAX: usize = 6;
/// What comes after so many steps is not done: a fuzzer finds more in many short lives.
const STEPS_MAX: usize = 120;

/// Lives through a script: two bytes for each thing that is done.
pub(crate) fn live(script: &[u8]) {
    let mut world = World::new();
    for step in script.chunks_exact(2).take(STEPS_MAX) {
        world.step(step[0], step[1]);
    }
    world.settle();
}

struct World {
    /// The polite one, and the other.
    sides: [Side; 2],
    next_name: u32,
}

struct Side {
    negotiator: Negotiator,
    /// What it has sent and the other has not got yet, as text.
    sent: VecDeque<(SdpType, String)>,
    /// What its credentials are made of. Others restart ICE.
    transport: String,
    /// Whether it has ignored an offer: the other side counts on its own being answered then.
    has_ignored: bool,
    /// What payload types and ids of extensions have meant in what was agreed.
    meanings: BTreeMap<String, String>,
}

impl Side {
    fn new(capabilities: Capabilities, id: u64) -> Self {
        Self {
            negotiator: Negotiator::new(capabilities, id),
            sent: VecDeque::new(),
            transport: format!("side{id}"),
            has_ignored: false,
            meanings: BTreeMap::new(),
        }
    }

    fn transceiver(&self, choice: u8) -> Option<TransceiverId> {
        let all = self.negotiator.transceivers();
        let index = usize::from(choice).checked_rem(all.len())?;
        Some(all[index].id())
    }

    /// Makes an offer and sends it.
    fn offer(&mut self) {
        let description = self.negotiator.create_offer(&testing::transport(&self.transport)).unwrap();
        let changes = self.negotiator.set_local(SdpType::Offer, Some(description.clone())).unwrap();
        assert_eq!(changes.transport, None);
        self.sent.push_back((SdpType::Offer, description.to_string()));
    }

    /// Answers the open offer; with a provisional answer first, perhaps.
    fn answer(&mut self, is_provisional: bool) {
        let kinds: &[SdpType] =
            if is_provisional { &[SdpType::Pranswer, SdpType::Answer] } else { &[SdpType::Answer] };
        for kind in kinds {
            let description = self.negotiator.create_answer(&testing::transport(&self.transport)).unwrap();
            self.negotiator.set_local(*kind, Some(description.clone())).unwrap();
            self.sent.push_back((*kind, description.to_string()));
        }
    }
}

impl World {
    fn new() -> Self {
        let capabilities = Capabilities::default();
        Self { sides: [Side::new(capabilities.clone(), 1), Side::new(others(capabilities), 2)], next_name: 0 }
    }

    fn step(&mut self, what: u8, detail: u8) {
        let index = usize::from(what >> 7);
        match what & 0x0f {
            0..=2 => self.add(index, detail),
            3 => self.turn(index, detail),
            4 => self.stop(index, detail),
            5 => self.sides[index].negotiator.add_data_section().unwrap(),
            6 => self.change_sender(index, detail),
            7 => self.roll_back(index),
            8 => self.sides[index].transport = format!("side{index}x{detail}"),
            9 => self.prefer(index, detail),
            10..=12 => {
                if self.sides[index].negotiator.signaling_state() == SignalingState::Stable {
                    self.sides[index].offer();
                }
            }
            _ => self.deliver(index, detail & 1 == 1),
        }
    }

    fn add(&mut self, index: usize, detail: u8) {
        if self.sides[index].negotiator.transceivers().len() >= TRANSCEIVERS_MAX {
            return;
        }
        let kind = if detail & 1 == 0 { MediaKind::Audio } else { MediaKind::Video };
        let init = TransceiverInit {
            direction: Direction::ALL[usize::from(detail >> 1 & 3)],
            sender: self.sender(detail),
            codec_preferences: Vec::new(),
            matches_offers: detail & 0x20 != 0,
        };
        self.sides[index].negotiator.add_transceiver(kind, init).unwrap();
    }

    fn sender(&mut self, detail: u8) -> SenderInit {
        self.next_name += 1;
        let name = self.next_name;
        let rid = |rid: &str| EncodingInit { rid: Some(rid.parse::<Rid>().unwrap()) };
        let encodings = match detail >> 3 & 3 {
            0 => vec![rid("q"), rid("h"), rid("f")],
            1 => vec![rid("f")],
            _ => Vec::new(),
        };
        let ssrcs =
            vec![SenderSsrc { ssrc: Ssrc(name * 2), rtx: (detail & 1 == 1).then_some(Ssrc(name * 2 + 1)) }];
        SenderInit {
            streams: vec![format!("stream{name}")],
            track: format!("track{name}"),
            ssrcs: if encodings.is_empty() { ssrcs } else { Vec::new() },
            encodings,
            cname: "cname".to_owned(),
        }
    }

    fn turn(&mut self, index: usize, detail: u8) {
        if let Some(id) = self.sides[index].transceiver(detail >> 2) {
            let direction = Direction::ALL[usize::from(detail & 3)];
            self.sides[index].negotiator.set_direction(id, direction).unwrap();
        }
    }

    fn stop(&mut self, index: usize, detail: u8) {
        if let Some(id) = self.sides[index].transceiver(detail) {
            self.sides[index].negotiator.stop(id).unwrap();
        }
    }

    fn change_sender(&mut self, index: usize, detail: u8) {
        let sender = self.sender(detail);
        if let Some(id) = self.sides[index].transceiver(detail >> 2) {
            self.sides[index].negotiator.set_sender(id, sender).unwrap();
        }
    }

    fn prefer(&mut self, index: usize, detail: u8) {
        let side = &mut self.sides[index];
        let Some(id) = side.transceiver(detail >> 3) else { return };
        let kind = side.negotiator.transceiver(id).unwrap().kind();
        let mut codecs = side.negotiator.capabilities().codecs(kind).to_vec();
        codecs.rotate_left(usize::from(detail & 3));
        if detail & 4 != 0 {
            codecs.truncate(1);
        }
        side.negotiator.set_codec_preferences(id, &codecs).unwrap();
    }

    /// Takes an offer back that the other side has not got yet.
    fn roll_back(&mut self, index: usize) {
        let side = &mut self.sides[index];
        if side.has_ignored {
            return;
        }
        if side.sent.back().is_some_and(|(kind, _)| *kind == SdpType::Offer) {
            side.sent.pop_back();
            side.negotiator.set_local(SdpType::Rollback, None).unwrap();
            assert_eq!(side.negotiator.signaling_state(), SignalingState::Stable);
        } else if side.negotiator.signaling_state() != SignalingState::HaveLocalOffer {
            side.negotiator.set_local(SdpType::Rollback, None).unwrap_err();
        }
    }

    /// Brings a side what the other has sent.
    fn deliver(&mut self, index: usize, is_provisional: bool) {
        let Some((kind, text)) = self.sides[1 - index].sent.pop_front() else { return };
        let description = SessionDescription::parse(&text).unwrap();
        assert_eq!(description.to_string(), text);
        let is_polite = index == 0;
        let side = &mut self.sides[index];
        let state = side.negotiator.signaling_state();
        if kind == SdpType::Offer && state != SignalingState::Stable && !is_polite {
            side.has_ignored = true;
            return;
        }
        let changes = side.negotiator.set_remote(kind, description).unwrap();
        if kind == SdpType::Offer {
            assert_eq!(changes.transport, None);
            side.answer(is_provisional);
        }
        if side.negotiator.signaling_state() == SignalingState::Stable {
            side.has_ignored = false;
            note(side);
        }
    }

    /// Delivers what is on its way, and negotiates until nothing is left to be.
    fn settle(mut self) {
        self.drain();
        for round in 0.. {
            let needs = |side: &Side| side.negotiator.negotiation_needed();
            let Some(index) = self.sides.iter().position(needs) else { break };
            assert!(round < ROUNDS_MAX, "it does not come to an end");
            self.sides[index].offer();
            self.drain();
        }
        self.check();
    }

    fn drain(&mut self) {
        while self.sides.iter().any(|side| !side.sent.is_empty()) {
            self.deliver(0, false);
            self.deliver(1, false);
        }
        for side in &self.sides {
            assert_eq!(side.negotiator.signaling_state(), SignalingState::Stable);
        }
    }

    fn check(&self) {
        let [one, other] = [&self.sides[0].negotiator, &self.sides[1].negotiator];
        let text = |description: Option<SessionDescription>| description.map(|it| it.to_string());
        assert_eq!(text(one.current_local()), text(other.current_remote()));
        assert_eq!(text(other.current_local()), text(one.current_remote()));
        assert_eq!(one.role(), other.role().map(DtlsRole::reversed));
        assert_eq!(one.has_data_section(), other.has_data_section());
        assert_eq!(one.transceivers().len(), other.transceivers().len());
        for ours in one.transceivers() {
            assert_eq!(ours.state(), TransceiverState::Active);
            let theirs = other.transceivers().iter().find(|theirs| theirs.mid() == ours.mid()).unwrap();
            assert_eq!(ours.kind(), theirs.kind());
            assert_eq!(ours.current_direction(), theirs.current_direction().map(Direction::reversed));
            check_media(ours.media().unwrap(), theirs.media().unwrap());
        }
        if let (Some(local), Some(remote)) = (one.current_local(), one.current_remote()) {
            let sections = local.media.iter().zip(&remote.media);
            let live = sections.filter(|(ours, theirs)| !ours.is_rejected() && !theirs.is_rejected()).count();
            assert_eq!(live, one.transceivers().len() + usize::from(one.has_data_section()));
        }
    }
}

/// Whether both sides see the same agreement, each from its end.
fn check_media(ours: &NegotiatedMedia, theirs: &NegotiatedMedia) {
    let numbers = |codecs: &[moim_sdp::jsep::NegotiatedCodec]| -> Vec<_> {
        codecs
            .iter()
            .map(|codec| (codec.payload_type, codec.rtx_payload_type, codec.codec.name.to_uppercase()))
            .collect()
    };
    assert!(!ours.send_codecs.is_empty());
    assert_eq!(numbers(&ours.send_codecs), numbers(&theirs.receive_codecs));
    assert_eq!(numbers(&ours.receive_codecs), numbers(&theirs.send_codecs));
    assert_eq!(ours.send_rids, theirs.receive_rids);
    assert_eq!(ours.receive_rids, theirs.send_rids);
    assert_eq!((ours.allow_mixed, ours.rtcp_rsize), (theirs.allow_mixed, theirs.rtcp_rsize));
    let extensions =
        |media: &NegotiatedMedia, seen: fn(Direction) -> Direction| -> BTreeMap<u8, (String, Direction)> {
            media
                .extensions
                .iter()
                .map(|extension| (extension.id, (extension.uri.clone(), seen(extension.direction))))
                .collect()
        };
    assert_eq!(extensions(ours, |direction| direction), extensions(theirs, Direction::reversed));
    let local: Vec<_> = ours.local_ssrcs.iter().map(|stream| (stream.ssrc, stream.rtx)).collect();
    let remote: Vec<_> = theirs.remote_ssrcs.iter().map(|stream| (stream.ssrc, stream.rtx)).collect();
    assert_eq!(local, remote);
}

/// What has been agreed keeps its meaning, in all sections and for good.
fn note(side: &mut Side) {
    for media in side.negotiator.transceivers().iter().filter_map(|transceiver| transceiver.media()) {
        let codecs = media.receive_codecs.iter().map(|codec| {
            let profile = codec.codec.parameters.get("profile-level-id").unwrap_or_default();
            (
                format!("payload type {}", codec.payload_type),
                format!("{} {profile}", codec.codec.name.to_uppercase()),
            )
        });
        let rtx = media.receive_codecs.iter().filter_map(|codec| {
            let number = codec.rtx_payload_type?;
            Some((format!("payload type {number}"), format!("rtx of {}", codec.payload_type)))
        });
        let extensions = media
            .extensions
            .iter()
            .map(|extension| (format!("extension {}", extension.id), extension.uri.clone()));
        for (number, meaning) in codecs.chain(rtx).chain(extensions) {
            let known = side.meanings.entry(number).or_insert_with(|| meaning.clone());
            assert_eq!(*known, meaning);
        }
    }
}

/// What somebody else can do: not all the same, in another order, and under other numbers.
fn others(mut capabilities: Capabilities) -> Capabilities {
    capabilities.audio.reverse();
    capabilities.video.reverse();
    capabilities.video.retain(|codec| codec.name != "VP9");
    let mut h265 = Codec::video("H265", 96, "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST");
    h265.rtx = false;
    capabilities.video.insert(1, h265);
    capabilities
        .audio
        .push(Codec { parameters: FormatParameters::default(), ..Codec::audio("L16", 16_000, Some(1), 111) });
    capabilities.audio_extensions.reverse();
    capabilities.video_extensions.remove(0);
    capabilities.video_extensions.reverse();
    capabilities.receive_encodings_max = 2;
    capabilities
}
