use super::*;
use crate::payload::nal::Assembly;
use proptest::collection::vec;
use proptest::prelude::*;

/// A NAL unit of a type with so many bytes behind the header, which never look like a start code.
pub(super) fn unit(header: u8, len: usize) -> Vec<u8> {
    [&[header][..], &vec![0x99; len]].concat()
}

/// Units with the start codes that encoders write.
fn frame(units: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = Vec::new();
    for unit in units {
        if frame.is_empty() || matches!(type_of(unit[0]), unit_type::SPS | unit_type::PPS) {
            frame.push(0);
        }
        frame.extend_from_slice(&[0, 0, 1]);
        frame.extend_from_slice(unit);
    }
    frame
}

fn packets(mode: PacketizationMode, frame: &[u8], len_max: usize) -> Result<Vec<Vec<u8>>, PayloadError> {
    let mut packets = Vec::new();
    packetize(mode, frame, len_max, |fragment| packets.push(fragment.to_vec()))?;
    Ok(packets)
}

fn assembled(packets: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
    let (mut assembly, mut frame) = (Assembly::default(), Vec::new());
    packets.iter().try_for_each(|packet| assembly.append::<H264>(packet, &mut frame))?;
    assembly.finish()?;
    Ok(frame)
}

proptest! {
    /// Covers: RFC 6184 §5.6, RFC 6184 §5.7.1, RFC 6184 §5.8
    #[test]
    fn frames_come_together_again(
        units in vec((1_u8..24, 0_u8..4, prop_oneof![1_usize..40, 1_usize..4_000]), 1..8),
        len_max in 40_usize..1_300,
    ) {
        let units: Vec<_> = units.into_iter().map(|(kind, importance, len)| unit((importance << 5) | kind, len)).collect();
        let frame = frame(&units);

        let packets = packets(PacketizationMode::NonInterleaved, &frame, len_max).unwrap();

        prop_assert!(packets.iter().all(|packet| packet.len() <= len_max && summarize(packet).is_ok()));
        prop_assert_eq!(&assembled(&packets).unwrap(), &frame);
        let single = packetize(PacketizationMode::SingleUnit, &frame, 5_000, |_| {});
        prop_assert_eq!(single, Ok(units.len()));
    }
}

#[test]
fn short_units_go_together_and_long_ones_in_parts() {
    let frame = frame(&[unit(0x67, 10), unit(0x68, 4), unit(0x65, 3_000)]);

    let packets = packets(PacketizationMode::NonInterleaved, &frame, 1_200).unwrap();

    assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [1 + 2 + 11 + 2 + 5, 1_002, 1_002, 1_002]);
    assert_eq!(
        (packets[0][0], packets[1][..2].to_vec(), packets[3][..2].to_vec()),
        (0x78, vec![0x7C, 0x85], vec![0x7C, 0x45])
    );
    assert_eq!(self::packets(PacketizationMode::SingleUnit, &frame, 1_200), Err(PayloadError::TooLarge));
}

/// Covers: RFC 6184 §5.2
#[test]
fn key_frames_and_beginnings_are_seen() {
    let seen = |payload: &[u8]| {
        let summary = summarize(payload).unwrap();
        (summary.is_frame_start, summary.is_key_frame, summary.has_parameter_sets)
    };

    assert_eq!(seen(&[0x65, 0x88]), (true, true, false), "an IDR slice, the first of its frame");
    assert_eq!(seen(&[0x65, 0x10]), (false, true, false), "a later one");
    assert_eq!(seen(&[0x41, 0x9A]), (true, false, false));
    assert_eq!(seen(&[0x67, 0x42]), (true, false, true));
    assert_eq!(seen(&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 1, 0, 2, 0x65, 0x88]), (true, true, true));
    assert_eq!(seen(&[0x7C, 0x85, 0x88]), (true, true, false), "the first part of an IDR slice");
    assert_eq!(seen(&[0x7C, 0x05, 0x88]), (false, false, false));
    assert!(summarize(&[0x01, 0x9A]).unwrap().is_discardable);
    assert_eq!(summarize(&[0x78, 0, 9, 0x67]), Err(PayloadError::Truncated));
    assert!(matches!(summarize(&[0x79, 0]), Err(PayloadError::Unsupported(_))));
}

/// Covers: RFC 6184 §5.6
#[test]
fn a_unit_may_be_nothing_but_its_header() {
    let end_of_sequence = vec![0x0A];

    let together = assembled(&[unit(0x65, 9), end_of_sequence]).unwrap();

    assert!(together.ends_with(&[0, 0, 1, 0x0A]));
    let again = packets(PacketizationMode::NonInterleaved, &together, 1_200).unwrap();
    assert_eq!(assembled(&again).unwrap(), together);
    assert_eq!(assembled(&[vec![0x78]]), Err(PayloadError::Truncated));
    assert_eq!(assembled(&[vec![0x7C]]), Err(PayloadError::Truncated));
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let packets =
        packets(PacketizationMode::NonInterleaved, &frame(&[unit(0x65, 3_000), unit(0x41, 9)]), 1_200)
            .unwrap();
    let without = |index: usize| {
        let mut packets = packets.clone();
        packets.remove(index);
        assembled(&packets)
    };

    assert!(matches!(without(0), Err(PayloadError::Incomplete(_))));
    assert!(matches!(without(2), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&packets[..2]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&[vec![0x7C, 0xC5, 1]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(assembled(&[vec![0x78, 0, 1, 0x78]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(assembled(&[vec![0x78, 0, 0]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(assembled(&[vec![0x7C, 0x9C, 1]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(
        packetize(PacketizationMode::SingleUnit, b"none", 9, |_| {}),
        Err(PayloadError::InvalidArgument(_))
    ));
}

#[test]
fn parameter_sets_tell_the_size_of_pictures() {
    // Constrained baseline, 640 × 360, as libx264 writes it.
    let sps =
        [0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x02, 0x80, 0xBF, 0xE5, 0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04];
    let sps = Sps::parse(&sps).unwrap();

    assert_eq!((sps.profile, sps.level, sps.width, sps.height), (66, 30, 640, 360));
    assert_eq!(Sps::parse(&[0x67, 0x42]), Err(PayloadError::Truncated));
    assert!(matches!(Sps::parse(&[0x68, 0x42]), Err(PayloadError::Malformed(_))));
}
