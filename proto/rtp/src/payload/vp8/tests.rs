use super::*;
use proptest::prelude::*;

const KEY_FRAME: [u8; 10] = [0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01];

fn descriptors() -> impl Strategy<Value = Descriptor> {
    let picture_id = prop_oneof![
        Just(None),
        (0_u8..128).prop_map(|number| Some(PictureId::Short(number))),
        (0_u16..32_768).prop_map(|number| Some(PictureId::Long(number))),
    ];
    let temporal = proptest::option::of(
        (0_u8..4, any::<bool>()).prop_map(|(id, is_sync)| TemporalLayer { id, is_sync }),
    );
    let flags = (any::<bool>(), any::<bool>(), 0_u8..8);
    (flags, picture_id, any::<Option<u8>>(), temporal, proptest::option::of(0_u8..32)).prop_map(
        |((is_non_reference, is_partition_start, partition_index), picture_id, tl0, temporal, key_index)| {
            Descriptor {
                is_non_reference,
                is_partition_start,
                partition_index,
                picture_id,
                tl0_picture_index: tl0,
                temporal,
                key_index,
            }
        },
    )
}

fn written(descriptor: &Descriptor) -> Vec<u8> {
    let mut buffer = [0; DESCRIPTOR_LEN_MAX];
    let mut writer = Writer::new(&mut buffer);
    descriptor.write(&mut writer).unwrap();
    writer.written().to_vec()
}

proptest! {
    /// Covers: RFC 7741 §4.2
    #[test]
    fn what_is_written_reads_the_same(descriptor in descriptors()) {
        let bytes = written(&descriptor);

        prop_assert_eq!(Descriptor::parse(&bytes), Ok((descriptor, bytes.len())));
        for cut in 0..bytes.len() {
            prop_assert_eq!(Descriptor::parse(&bytes[..cut]), Err(PayloadError::Truncated));
        }
    }

    #[test]
    fn a_rewrite_changes_what_it_names_only(descriptor in descriptors(), number: u16, index: u8, key in 0_u8..32) {
        let mut bytes = written(&descriptor);
        let change = Rewrite { picture_id: Some(number), tl0_picture_index: Some(index), key_index: Some(key) };

        rewrite(&mut bytes, change).unwrap();

        let expected = Descriptor {
            picture_id: descriptor.picture_id.map(|old| old.with_number(number)),
            tl0_picture_index: descriptor.tl0_picture_index.map(|_| index),
            key_index: descriptor.key_index.map(|_| key),
            ..descriptor
        };
        prop_assert_eq!(Descriptor::parse(&bytes), Ok((expected, bytes.len())));
        rewrite(&mut bytes, Rewrite::default()).unwrap();
        prop_assert_eq!(written(&expected), bytes);
    }

    #[test]
    fn frames_come_together_again(frame in proptest::collection::vec(any::<u8>(), 1..5_000), len_max in 8_usize..1_300) {
        let descriptor = Descriptor { picture_id: Some(PictureId::Long(5)), ..Descriptor::default() };
        let (mut packets, mut whole) = (Vec::new(), Vec::new());

        let count = packetize(&descriptor, &frame, len_max, |fragment| packets.push(fragment.to_vec())).unwrap();

        prop_assert_eq!(count, packets.len());
        for (index, packet) in packets.iter().enumerate() {
            prop_assert!(packet.len() <= len_max && packet.len() + 1 >= packets[0].len());
            whole.extend_from_slice(frame_data(packet, index == 0).unwrap());
        }
        prop_assert_eq!(whole, frame);
    }
}

/// Covers: RFC 7741 §4.3
#[test]
fn key_frames_and_their_sizes_are_seen() {
    let payload = [&[0x10][..], &KEY_FRAME].concat();

    let summary = summarize(&payload).unwrap();

    assert!(summary.is_key_frame && summary.is_frame_start && summary.is_switching_point);
    assert_eq!(KeyFrameHeader::parse(&KEY_FRAME), Some(KeyFrameHeader { width: 640, height: 480 }));
    assert!(!summarize(&[&[0x00][..], &KEY_FRAME].concat()).unwrap().is_key_frame, "not the beginning");
    assert!(!summarize(&[0x10, 0x01]).unwrap().is_key_frame);
    assert!(!summarize(&[0x11, 0x00]).unwrap().is_key_frame, "the beginning of another partition");
    assert_eq!(summarize(&[0x10]), Err(PayloadError::Truncated));
}

#[test]
fn a_frame_without_its_beginning_is_incomplete_and_one_with_two_is_broken() {
    assert!(matches!(frame_data(&[0x00, 1], true), Err(PayloadError::Incomplete(_))));
    assert!(matches!(frame_data(&[0x10, 1], false), Err(PayloadError::Malformed(_))));
    assert_eq!(frame_data(&[0x10, 1], true), Ok(&[1][..]));
    assert_eq!(packetize(&Descriptor::default(), &[1], 1, |_| {}).ok(), None, "no room");
}
