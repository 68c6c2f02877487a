//! Two sides, and one that answers a text.

use moim_sdp::jsep::{
    Capabilities, Changes, Codec, NegotiatedMedia, Negotiator, SdpType, SenderInit, SenderSsrc,
    TransceiverId, TransceiverInit,
};
use moim_sdp::{Direction, SessionDescription, testing};
use moim_wire::{MediaKind, Ssrc};

pub(crate) struct Pair {
    pub(crate) caller: Negotiator,
    pub(crate) callee: Negotiator,
}

/// An exchange, and what either side learnt of it.
pub(crate) struct Exchange {
    pub(crate) offer: SessionDescription,
    pub(crate) answer: SessionDescription,
    pub(crate) offerer: Changes,
    /// What the answerer learnt of the offer, and then of its own answer.
    pub(crate) offered: Changes,
    pub(crate) answerer: Changes,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Capabilities::default(), Capabilities::default())
    }

    pub(crate) fn with(caller: Capabilities, callee: Capabilities) -> Self {
        Self { caller: Negotiator::new(caller, 1), callee: Negotiator::new(callee, 2) }
    }

    /// The caller offers, and the callee answers.
    pub(crate) fn call(&mut self) -> Exchange {
        exchange(&mut self.caller, &mut self.callee)
    }

    /// The other way round.
    pub(crate) fn call_back(&mut self) -> Exchange {
        exchange(&mut self.callee, &mut self.caller)
    }

    pub(crate) fn add(&mut self, kind: MediaKind) -> TransceiverId {
        add(&mut self.caller, kind)
    }
}

fn exchange(offerer: &mut Negotiator, answerer: &mut Negotiator) -> Exchange {
    let offer = offer(offerer);
    let offered = answerer.set_remote(SdpType::Offer, offer.clone()).unwrap();
    let answer = answerer.create_answer(&testing::transport("answerer")).unwrap();
    let answerer = answerer.set_local(SdpType::Answer, Some(answer.clone())).unwrap();
    let offerer = offerer.set_remote(SdpType::Answer, through_text(&answer)).unwrap();
    Exchange { offer, answer, offerer, offered, answerer }
}

/// Offers, and gives what the other side gets.
pub(crate) fn offer(side: &mut Negotiator) -> SessionDescription {
    let offer = side.create_offer(&testing::transport("offerer")).unwrap();
    side.set_local(SdpType::Offer, Some(offer.clone())).unwrap();
    through_text(&offer)
}

fn through_text(description: &SessionDescription) -> SessionDescription {
    let read = SessionDescription::parse(&description.to_string()).unwrap();
    assert_eq!(read, *description);
    read
}

pub(crate) fn add(side: &mut Negotiator, kind: MediaKind) -> TransceiverId {
    side.add_transceiver(kind, TransceiverInit::default()).unwrap()
}

/// Something to send: one RTP stream with retransmissions.
pub(crate) fn sending(number: u32) -> TransceiverInit {
    let sender = SenderInit {
        streams: vec![format!("stream{number}")],
        track: format!("track{number}"),
        encodings: Vec::new(),
        ssrcs: vec![SenderSsrc { ssrc: Ssrc(number * 10), rtx: Some(Ssrc(number * 10 + 1)) }],
        cname: "us".to_owned(),
    };
    TransceiverInit { direction: Direction::SendRecv, sender, ..TransceiverInit::default() }
}

/// One side that has answered an offer.
pub(crate) struct Answered {
    pub(crate) negotiator: Negotiator,
    pub(crate) offered: Changes,
    pub(crate) answer: SessionDescription,
    pub(crate) changes: Changes,
}

impl Answered {
    pub(crate) fn media(&self, index: usize) -> &NegotiatedMedia {
        self.changes.transceivers[index].media.as_ref().unwrap()
    }
}

/// Answers a text, whose lines may end as they like.
pub(crate) fn answer(offer: &str) -> Answered {
    answer_with(offer, Capabilities::default())
}

pub(crate) fn answer_with(offer: &str, capabilities: Capabilities) -> Answered {
    let mut negotiator = Negotiator::new(capabilities, 7);
    let offered = negotiator.set_remote(SdpType::Offer, read(offer)).unwrap();
    let answer = negotiator.create_answer(&testing::transport("us")).unwrap();
    let changes = negotiator.set_local(SdpType::Answer, Some(answer.clone())).unwrap();
    Answered { negotiator, offered, answer: through_text(&answer), changes }
}

pub(crate) fn read(text: &str) -> SessionDescription {
    SessionDescription::parse(text).unwrap()
}

/// Why a text cannot be taken as an offer.
pub(crate) fn refusal(offer: &str) -> String {
    let mut negotiator = Negotiator::new(Capabilities::default(), 7);
    negotiator.set_remote(SdpType::Offer, read(offer)).unwrap_err().to_string()
}

/// Capabilities of pictures with these codecs.
pub(crate) fn video(codecs: Vec<Codec>) -> Capabilities {
    Capabilities { video: codecs, ..Capabilities::default() }
}

/// An offer of one section.
pub(crate) fn offer_of(section: &str) -> String {
    format!("{SESSION}{section}")
}

/// The part above the sections, with a transport for all.
pub(crate) const SESSION: &str = "v=0\no=- 1 2 IN IP4 0.0.0.0\ns=-\nt=0 0\n\
    a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=setup:actpass\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n";

/// The numbers and names of codecs, with the numbers of their retransmissions.
pub(crate) fn listed(codecs: &[moim_sdp::jsep::NegotiatedCodec]) -> Vec<(u8, Option<u8>, &str)> {
    let rtx =
        |codec: &moim_sdp::jsep::NegotiatedCodec| codec.rtx_payload_type.map(moim_wire::PayloadType::get);
    codecs.iter().map(|codec| (codec.payload_type.get(), rtx(codec), codec.codec.name.as_str())).collect()
}

/// Ids and the last words of what they mean.
pub(crate) fn ids(media: &NegotiatedMedia) -> Vec<(u8, &str)> {
    media
        .extensions
        .iter()
        .map(|extension| (extension.id, extension.uri.rsplit(['/', ':', '#']).next().unwrap_or_default()))
        .collect()
}
