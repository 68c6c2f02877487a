use super::*;
use crate::payload::nal::Assembly;
use proptest::collection::vec;
use proptest::prelude::*;

/// A NAL unit of a type with so many bytes behind the header, which never look like a start code.
fn unit(unit_type: u8, temporal_id: u8, len: usize) -> Vec<u8> {
    [&[unit_type << 1, temporal_id + 1][..], &vec![0x99; len]].concat()
}

fn frame(units: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = Vec::new();
    for unit in units {
        if frame.is_empty() || (32..=34).contains(&(unit[0] >> 1)) {
            frame.push(0);
        }
        frame.extend_from_slice(&[0, 0, 1]);
        frame.extend_from_slice(unit);
    }
    frame
}

fn packets(frame: &[u8], len_max: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    packetize(frame, len_max, |fragment| packets.push(fragment.to_vec())).unwrap();
    packets
}

fn assembled(packets: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
    let (mut assembly, mut frame) = (Assembly::default(), Vec::new());
    packets.iter().try_for_each(|packet| assembly.append::<H265>(packet, &mut frame))?;
    assembly.finish()?;
    Ok(frame)
}

proptest! {
    /// Covers: RFC 7798 §4.4.1, RFC 7798 §4.4.2, RFC 7798 §4.4.3
    #[test]
    fn frames_come_together_again(
        units in vec((0_u8..48, 0_u8..6, prop_oneof![1_usize..40, 1_usize..4_000]), 1..8),
        len_max in 40_usize..1_300,
    ) {
        let frame = frame(&units.into_iter().map(|(kind, layer, len)| unit(kind, layer, len)).collect::<Vec<_>>());

        let packets = packets(&frame, len_max);

        prop_assert!(packets.iter().all(|packet| packet.len() <= len_max && summarize(packet).is_ok()));
        prop_assert_eq!(&assembled(&packets).unwrap(), &frame);
    }
}

/// Covers: RFC 7798 §4.4.2
#[test]
fn an_aggregation_packet_has_the_lowest_layers() {
    let packets = packets(&frame(&[unit(32, 2, 5), unit(33, 1, 5), unit(1, 3, 5)]), 1_200);

    let header = UnitHeader::parse(&packets[0]).unwrap();

    assert_eq!(packets.len(), 1);
    assert_eq!(header, UnitHeader { unit_type: unit_type::AGGREGATION, layer_id: 0, temporal_id: 1 });
}

#[test]
fn key_frames_and_beginnings_are_seen() {
    let seen = |payload: &[u8]| {
        let summary = summarize(payload).unwrap();
        (summary.is_frame_start, summary.is_key_frame, summary.has_parameter_sets)
    };

    assert_eq!(seen(&[19 << 1, 1, 0x80]), (true, true, false), "an IDR slice, the first of its frame");
    assert_eq!(seen(&[19 << 1, 1, 0x00]), (false, true, false));
    assert_eq!(seen(&[1 << 1, 1, 0x80]), (true, false, false));
    assert_eq!(seen(&[33 << 1, 1, 1]), (true, false, true));
    assert_eq!(seen(&[49 << 1, 1, 0x93, 0x80]), (true, true, false), "the first part of an IDR slice");
    assert_eq!(seen(&[49 << 1, 1, 19, 0x80]), (false, false, false));
    assert!(matches!(summarize(&[19 << 1, 0, 0x80]), Err(PayloadError::Malformed(_))));
    assert!(matches!(summarize(&[50 << 1, 1, 0]), Err(PayloadError::Unsupported(_))));
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let packets = packets(&frame(&[unit(19, 0, 3_000)]), 1_200);

    assert!(matches!(assembled(&packets[1..]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&packets[..2]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&[vec![49 << 1, 1, 0xC0, 1]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(assembled(&[vec![48 << 1, 1, 0, 1, 5]]), Err(PayloadError::Malformed(_))));
    assert_eq!(assembled(&[vec![49 << 1, 1]]), Err(PayloadError::Truncated));
}
