use super::{Facts, FactsReader, Switch};
use crate::layers::LayerIndex;
use moim_rtp::payload::PayloadFormat;
use moim_wire::{ExtSeqNo, RtpTimestamp};

/// Looks at payloads, each a packet of a picture of its own.
fn look(reader: &mut FactsReader, at: u64, payload: &[u8]) -> Facts {
    let timestamp = RtpTimestamp(((at * 3_000) & 0xFFFF_FFFF) as u32);
    let (facts, result) = reader.read(ExtSeqNo((1 << 16) + at), (timestamp, true), payload, None);
    assert_eq!(result, Ok(()));
    facts
}

/// Covers: RFC 7741 §4.2
#[test]
fn picture_ids_of_either_width_go_on_over_their_wraps() {
    for width in [7, 15] {
        let mut reader = FactsReader::new(PayloadFormat::Vp8);
        let mut before = None;
        for at in 0..40_000_u64 {
            let id = at + 100;
            let payload = if width == 7 {
                vec![0x90, 0x80, (id & 0x7F) as u8, 1]
            } else {
                vec![0x90, 0x80, (id >> 8 & 0x7F) as u8 | 0x80, (id & 0xFF) as u8, 1]
            };
            let picture = look(&mut reader, at, &payload).picture;
            assert!(before.is_none_or(|before| picture == Some(before + 1)));
            before = picture;
        }
    }
}

/// Covers: RFC 7741 §4.2
#[test]
fn a_late_packet_is_of_its_own_picture() {
    let mut reader = FactsReader::new(PayloadFormat::Vp8);
    let first = look(&mut reader, 0, &[0x90, 0x80, 127, 1]);
    let second = look(&mut reader, 2, &[0x90, 0x80, 0, 1]);
    let late = look(&mut reader, 1, &[0x80, 0x80, 127, 1]);

    assert_eq!((first.picture, Some(late.picture)), (late.picture, Some(second.picture.map(|id| id - 1))));
    assert!(first.starts_picture && second.starts_picture && late.is_late && !late.starts_picture);
}

/// Covers: RFC 6184 §5.6
#[test]
fn h264_begins_with_parameter_sets_or_a_slice_of_a_key_frame() {
    let mut reader = FactsReader::new(PayloadFormat::H264);
    for (payload, begins) in [
        (&[0x67, 0x42, 0, 31][..], true),
        (&[0x68, 0xCE][..], false),
        (&[0x65, 0x88][..], true),
        (&[0x65, 0x08][..], false),
        (&[0x61, 0x88][..], false),
    ] {
        assert_eq!(look(&mut reader, 1, payload).begins, begins, "{payload:x?}");
    }
}

/// Covers: RFC 9628 §4.2
#[test]
fn vp9_says_where_a_frame_stands_and_who_can_step_up() {
    let mut reader = FactsReader::new(PayloadFormat::Vp9);
    // I, L, B and E; then temporal layer 1 with U, spatial layer 2 with D, and the number of the lowest layer.
    let facts = look(&mut reader, 1, &[0xEC, 5, 0x35, 9, 0xA2]);

    assert_eq!(facts.layers, LayerIndex::new(2, 1));
    assert_eq!((facts.switch, facts.tl0), (Switch::FromThisLayer, Some(9)));
    assert!(facts.ends_layer && !facts.begins);
    assert!(look(&mut reader, 2, &[0xAC, 6, 0x00, 9, 0xA2]).begins, "it refers to nothing");
}

#[test]
fn what_has_no_payload_or_cannot_be_read_is_for_nobody() {
    let mut reader = FactsReader::new(PayloadFormat::Vp8);
    assert_eq!(look(&mut reader, 1, &[]).targets, 0);
    let (facts, result) = reader.read(ExtSeqNo(1 << 17), (RtpTimestamp(0), false), &[0x90], None);
    assert!(result.is_err());
    assert_eq!(facts.targets, 0);
}
