use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// An OBU with its size.
fn obu(obu_type: u8, layer: Option<u8>, data: &[u8]) -> Vec<u8> {
    let mut out = vec![(obu_type << 3) | 0x02 | (u8::from(layer.is_some()) << 2)];
    out.extend(layer);
    out.extend_from_slice(obu::Leb128::new(data.len()).as_bytes());
    out.extend_from_slice(data);
    out
}

fn packets(frame: &[u8], len_max: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let count = packetize(frame, len_max, |fragment| packets.push(fragment.to_vec())).unwrap();
    assert_eq!(count, packets.len());
    packets
}

fn assembled(packets: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
    let (mut assembly, mut frame) = (Assembly::default(), Vec::new());
    packets.iter().try_for_each(|packet| assembly.append(packet, &mut frame))?;
    assembly.finish()?;
    Ok(frame)
}

fn units() -> impl Strategy<Value = Vec<u8>> {
    let unit =
        (prop_oneof![Just(1_u8), 3_u8..8], any::<Option<u8>>(), prop_oneof![0_usize..40, 0_usize..4_000]);
    vec(unit.prop_map(|(kind, layer, len)| obu(kind, layer, &vec![0x5A; len])), 1..8)
        .prop_map(|units| units.concat())
}

proptest! {
    #[test]
    fn temporal_units_come_together_again(frame in units(), len_max in 10_usize..1_300) {
        let with_delimiter = [&TEMPORAL_DELIMITER[..], &frame].concat();

        let packets = packets(&with_delimiter, len_max);

        prop_assert!(packets.iter().all(|packet| packet.len() <= len_max && summarize(packet).is_ok()));
        prop_assert_eq!(&assembled(&packets).unwrap(), &frame);
        prop_assert!(summarize(&packets[0]).unwrap().spatial_id < 4);
    }

    #[test]
    fn one_long_unit_makes_packets_of_one_length(len in 2_000_usize..20_000, len_max in 500_usize..1_300) {
        let packets = packets(&obu(obu_type::FRAME, None, &vec![1; len]), len_max);

        let lens: Vec<_> = packets.iter().map(Vec::len).collect();

        prop_assert_eq!(lens.len(), (len + 1).div_ceil(len_max - 1));
        prop_assert!(lens[..lens.len() - 1].iter().all(|len| *len == lens[0]));
        prop_assert!(lens[0] - lens[lens.len() - 1] < lens.len());
    }

    #[test]
    fn aggregation_headers_read_as_written(byte: u8) {
        if let Ok(header) = AggregationHeader::parse(&[byte]) {
            prop_assert_eq!(header.to_byte(), byte & 0xF8);
        }
    }
}

#[test]
fn key_frames_are_those_that_begin_a_sequence() {
    let key =
        [obu(obu_type::SEQUENCE_HEADER, None, b"sequence"), obu(obu_type::FRAME, None, &[7; 3_000])].concat();

    let packets = packets(&key, 1_200);

    let summary = summarize(&packets[0]).unwrap();
    assert!(summary.is_key_frame && summary.is_frame_start && summary.has_parameter_sets);
    assert!(packets[1..].iter().all(|packet| summarize(packet).unwrap() == PacketSummary::default()));
    assert_eq!(packets[0][0], 0x68, "goes on, two elements, a new sequence");
    assert!(!summarize(&self::packets(&obu(obu_type::FRAME, None, &[7]), 1_200)[0]).unwrap().is_key_frame);
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let packets = packets(&obu(obu_type::FRAME, None, &[7; 3_000]), 1_200);

    assert!(matches!(assembled(&packets[1..]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&packets[..2]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assembled(&[packets[0].clone(), packets[0].clone()]), Err(PayloadError::Incomplete(_))));
    assert_eq!(assembled(&[vec![0x20, 5, 0x30]]), Err(PayloadError::Truncated));
    assert_eq!(assembled(&[vec![0x10]]), Err(PayloadError::Truncated));
    assert!(matches!(assembled(&[vec![0x10, 0x32, 1, 2, 3]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(assembled(&[vec![0x88, 1]]), Err(PayloadError::Malformed(_))));
    assert!(matches!(packetize(&[], 100, |_| {}), Err(PayloadError::InvalidArgument(_))));
    assert!(matches!(packetize(&TEMPORAL_DELIMITER, 100, |_| {}), Err(PayloadError::InvalidArgument(_))));
}

#[test]
fn elements_with_and_without_lengths_are_the_same() {
    let counted = [&[0x20_u8][..], &[2, 0x28, 9], &[0x30, 8]].concat();
    let uncounted = [&[0x00_u8][..], &[2, 0x28, 9], &[2, 0x30, 8]].concat();

    assert_eq!(assembled(&[counted]), Ok(vec![0x2A, 1, 9, 0x32, 1, 8]));
    assert_eq!(assembled(&[uncounted]), Ok(vec![0x2A, 1, 9, 0x32, 1, 8]));
    assert_eq!(assembled(&[vec![0x20, 3, 0x12, 0, 0, 0x30, 8]]).ok(), None, "an element longer than its OBU");
    assert_eq!(
        assembled(&[vec![0x20, 2, 0x12, 0, 0x30, 8]]),
        Ok(vec![0x32, 1, 8]),
        "a delimiter that should not be there"
    );
}
