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
fn h264_begins_with_parameter_sets_or_with_a_key_frame_that_has_none() {
    let mut reader = FactsReader::new(PayloadFormat::H264);
    let mut begins = |seq: u64, at: u32, payload: &[u8]| {
        reader.read(ExtSeqNo((1 << 17) + seq), (RtpTimestamp(at), false), payload, None).0.begins
    };
    assert!(begins(1, 10, &[0x67, 0x42, 0, 31]));
    assert!(!begins(2, 10, &[0x68, 0xCE]));
    assert!(!begins(3, 10, &[0x65, 0x88]), "without what came before it, it cannot be decoded");
    assert!(!begins(4, 20, &[0x61, 0x88]));
    assert!(begins(5, 30, &[0x65, 0x88]));
    assert!(!begins(6, 30, &[0x65, 0x08]));
    assert!(!begins(8, 40, &[0x65, 0x88]), "what was lost may have been parameter sets");
}

/// Covers: RFC 7798 §4.4
#[test]
fn h265_begins_with_the_set_that_goes_before_all_others() {
    let mut reader = FactsReader::new(PayloadFormat::H265);
    let mut begins = |seq: u64, at: u32, payload: &[u8]| {
        reader.read(ExtSeqNo((1 << 17) + seq), (RtpTimestamp(at), false), payload, None).0.begins
    };
    let [vps, sps, idr] = [32_u8, 33, 19].map(|unit| [unit << 1, 1, 0x80]);
    let aggregated = [&[48 << 1, 1, 0, 3][..], &vps, &[0, 3], &sps].concat();
    assert!(begins(1, 10, &vps));
    assert!(!begins(2, 10, &sps));
    assert!(!begins(3, 10, &idr));
    assert!(begins(5, 20, &aggregated), "whatever was lost before it");
    assert!(!begins(7, 30, &sps));
    assert!(begins(8, 40, &idr));
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

/// Covers: RFC 7798 §4.4.3
#[test]
fn h265_says_who_can_step_up_in_fragments_too() {
    let mut reader = FactsReader::new(PayloadFormat::H265);
    let trailing = look(&mut reader, 1, &[1 << 1, 1, 0x80]);
    let access = look(&mut reader, 2, &[3 << 1, 2, 0x80]);
    let fragment = look(&mut reader, 3, &[49 << 1, 3, 0x80 | 5, 0x80]);

    assert_eq!((trailing.switch, access.switch), (Switch::Nobody, Switch::StepToThisAndAbove));
    assert_eq!((fragment.switch, fragment.layers.temporal), (Switch::StepToThisLayer, 2));
}
