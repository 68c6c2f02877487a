//! What other implementations have answered to an offer of ours: sound, pictures, a simulcast, and data.

use super::pair::{listed, offer, read, sending};
use moim_sdp::jsep::{
    Capabilities, Changes, DtlsRole, EncodingInit, Negotiator, SdpType, SenderInit, TransceiverInit,
};
use moim_sdp::{Direction, SessionDescription};
use moim_wire::MediaKind;

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/vectors/sdp/answer-", $name, ".sdp"))
    };
}

const ALL: [&str; 5] =
    [vector!("aiortc"), vector!("chromium"), vector!("firefox"), vector!("gstreamer"), vector!("libwebrtc")];

#[expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
fn take(answer: &str) -> Changes {
    let mut caller = Negotiator::new(Capabilities::default(), 1);
    caller.add_transceiver(MediaKind::Audio, sending(1)).unwrap();
    caller.add_transceiver(MediaKind::Video, sending(2)).unwrap();
    let encodings = ["q", "h", "f"].map(|rid| EncodingInit { rid: rid.parse().ok() }).to_vec();
    let sender = SenderInit { encodings, ssrcs: Vec::new(), ..sending(3).sender };
    let init = TransceiverInit { sender, direction: Direction::SendOnly, ..TransceiverInit::default() };
    caller.add_transceiver(MediaKind::Video, init).unwrap();
    caller.add_data_section().unwrap();
    offer(&mut caller);
    caller.set_remote(SdpType::Answer, read(answer)).unwrap()
}

#[test]
fn answers_of_others_are_written_as_they_were_read() {
    for text in ALL {
        assert_eq!(SessionDescription::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn others_accept_all_that_we_offer() {
    for text in ALL {
        let changes = take(text);

        assert_eq!(changes.transceivers.len(), 3);
        assert!(changes.transceivers.iter().all(|change| !change.stopped));
        let transport = changes.transport.unwrap();
        assert_eq!(transport.role, DtlsRole::Server, "all of them choose to be the client");
        assert_eq!(transport.sctp.unwrap().port, 5_000);
        let media = |index: usize| changes.transceivers[index].media.as_ref().unwrap();
        assert_eq!(listed(&media(0).send_codecs)[0].0, 111);
        assert_eq!(listed(&media(1).send_codecs)[0].2, "VP8");
        assert_eq!(media(2).direction, Direction::SendOnly);
        assert!(media(2).send_rids.is_empty(), "no end point receives a simulcast");
    }
}

#[test]
fn browsers_accept_retransmission_and_extensions() {
    for text in [vector!("chromium"), vector!("firefox"), vector!("libwebrtc")] {
        let changes = take(text);
        let media = changes.transceivers[1].media.as_ref().unwrap();

        assert_eq!(listed(&media.send_codecs)[..2], [(96, Some(97), "VP8"), (98, Some(99), "VP9")]);
        assert_eq!(media.send_codecs[0].codec.feedback.len(), 5);
        assert!(media.extensions.len() >= 4 && media.allow_mixed && media.rtcp_rsize);
        assert_eq!(media.direction, Direction::SendRecv);
    }
}
