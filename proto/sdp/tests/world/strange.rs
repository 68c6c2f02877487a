//! A negotiator and somebody who keeps to nothing: any text comes as any kind of description.

use moim_sdp::jsep::{Capabilities, Negotiator, SdpType, SignalingState, Transceiver, TransceiverInit};
use moim_sdp::{SessionDescription, testing};
use moim_wire::MediaKind;

/// Takes texts between zero bytes as descriptions of the other side. The first byte of each says what it is meant as.
pub(crate) fn talk(bytes: &[u8]) {
    let mut ours = Negotiator::new(Capabilities::default(), 1);
    ours.add_transceiver(
        MediaKind::Video,
        TransceiverInit { matches_offers: true, ..TransceiverInit::default() },
    )
    .unwrap();
    for message in bytes.split(|byte| *byte == 0) {
        let Some((kind, text)) = message.split_first() else { continue };
        match kind {
            b'O' => hear(&mut ours, SdpType::Offer, text),
            b'P' => hear(&mut ours, SdpType::Pranswer, text),
            b'A' => hear(&mut ours, SdpType::Answer, text),
            b'o' => offer(&mut ours),
            b'a' => answer(&mut ours, SdpType::Answer),
            b'p' => answer(&mut ours, SdpType::Pranswer),
            b'r' => drop(ours.set_local(SdpType::Rollback, None)),
            _ => ours.add_data_section().unwrap(),
        }
        check(&ours);
    }
}

/// What fails has no effect.
fn hear(ours: &mut Negotiator, kind: SdpType, text: &[u8]) {
    let Ok(description) = SessionDescription::parse(&String::from_utf8_lossy(text)) else { return };
    let state = ours.signaling_state();
    let (transceivers, remote) = (ours.transceivers().to_vec(), ours.remote());
    if ours.set_remote(kind, description).is_err() {
        assert_eq!(ours.signaling_state(), state);
        assert_eq!(ours.transceivers(), transceivers);
        assert_eq!(ours.remote(), remote);
    }
}

fn offer(ours: &mut Negotiator) {
    if let Ok(offer) = ours.create_offer(&testing::transport("us")) {
        is_readable(&offer);
        ours.set_local(SdpType::Offer, Some(offer)).unwrap();
    }
}

fn answer(ours: &mut Negotiator, kind: SdpType) {
    if let Ok(answer) = ours.create_answer(&testing::transport("us")) {
        is_readable(&answer);
        let offered = ours.remote().unwrap().media.len();
        assert_eq!(answer.media.len(), offered);
        // What both say may still contradict itself: then nothing comes of it.
        drop(ours.set_local(kind, Some(answer)));
    }
}

fn is_readable(description: &SessionDescription) {
    assert_eq!(SessionDescription::parse(&description.to_string()).as_ref(), Ok(description));
}

fn check(ours: &Negotiator) {
    let names = || ours.transceivers().iter().filter_map(Transceiver::mid);
    for (index, mid) in names().enumerate() {
        assert!(!names().skip(index + 1).any(|other| other == mid), "two transceivers have one section");
    }
    if ours.signaling_state() == SignalingState::Stable {
        assert_eq!((ours.pending_local(), ours.pending_remote()), (None, None));
    }
    assert!(ours.transceivers().windows(2).all(|pair| pair[0].id() < pair[1].id()));
    assert!(ours.signaling_state() == SignalingState::Stable || !ours.negotiation_needed());
}
