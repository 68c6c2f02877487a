use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn structures() -> impl Strategy<Value = Vec<u8>> {
    let picture = (0_u8..8, any::<bool>(), vec(1_u8..=255, 0..=3)).prop_map(
        |(temporal_id, is_switching_point, back)| {
            let mut picture = PictureInGroup { temporal_id, is_switching_point, ..PictureInGroup::default() };
            picture.references[..back.len()].copy_from_slice(&back);
            picture.reference_count = u8::try_from(back.len()).unwrap();
            picture
        },
    );
    let resolution = any::<(u16, u16)>().prop_map(|(width, height)| Resolution { width, height });
    (vec(resolution, 1..=8), any::<bool>(), proptest::option::of(vec(picture, 0..20))).prop_map(
        |(mut resolutions, has_resolutions, group)| {
            let spatial_layers = u8::try_from(resolutions.len()).unwrap();
            resolutions.truncate(if has_resolutions { 8 } else { 0 });
            let structure = ScalabilityStructure { spatial_layers, resolutions, group };
            let mut buffer = [0; 200];
            let mut writer = Writer::new(&mut buffer);
            structure.write(&mut writer).unwrap();
            assert_eq!(ScalabilityStructure::parse(writer.written()), Ok(structure));
            writer.written().to_vec()
        },
    )
}

fn descriptors() -> impl Strategy<Value = Descriptor<'static>> {
    let picture_id =
        prop_oneof![(0_u8..128).prop_map(PictureId::Short), (0_u16..32_768).prop_map(PictureId::Long),];
    let layer =
        (0_u8..8, any::<bool>(), 0_u8..8, any::<bool>()).prop_map(|(temporal_id, up, spatial_id, down)| {
            Layer { temporal_id, is_switching_point: up, spatial_id, is_inter_layer_predicted: down }
        });
    (
        any::<[bool; 5]>(),
        picture_id,
        any::<bool>(),
        proptest::option::of(layer),
        any::<u8>(),
        vec(1_u8..128, 1..=3),
    )
        .prop_map(|([inter, flexible, start, end, upper], picture_id, has_id, layer, tl0, back)| {
            let mut references = [0; 3];
            if inter && flexible {
                references[..back.len()].copy_from_slice(&back);
            }
            Descriptor {
                picture_id: (has_id || flexible).then_some(picture_id),
                is_inter_predicted: inter,
                layer,
                tl0_picture_index: (layer.is_some() && !flexible).then_some(tl0),
                is_flexible: flexible,
                references,
                is_frame_start: start,
                is_frame_end: end,
                is_not_for_upper_layers: upper,
                scalability: None,
            }
        })
}

fn written(descriptor: &Descriptor<'_>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut writer = Writer::new(&mut buffer);
    descriptor.write(&mut writer).unwrap();
    writer.written().to_vec()
}

proptest! {
    /// Covers: RFC 9628 §4.2, RFC 9628 §4.2.1
    #[test]
    fn what_is_written_reads_the_same(descriptor in descriptors(), structure in proptest::option::of(structures())) {
        let descriptor = Descriptor { scalability: structure.as_deref(), ..descriptor };
        let bytes = written(&descriptor);

        prop_assert_eq!(Descriptor::parse(&bytes), Ok((descriptor, bytes.len())));
        for cut in 0..bytes.len() {
            prop_assert_eq!(Descriptor::parse(&bytes[..cut]), Err(PayloadError::Truncated));
        }
    }

    #[test]
    fn a_rewrite_changes_what_it_names_only(descriptor in descriptors(), number: u16, index: u8) {
        let mut bytes = written(&descriptor);

        rewrite(&mut bytes, Rewrite { picture_id: Some(number), tl0_picture_index: Some(index) }).unwrap();

        let expected = Descriptor {
            picture_id: descriptor.picture_id.map(|old| old.with_number(number)),
            tl0_picture_index: descriptor.tl0_picture_index.map(|_| index),
            ..descriptor
        };
        prop_assert_eq!(written(&expected), bytes);
    }

    #[test]
    fn pictures_of_layers_come_together_again(
        descriptor in descriptors(),
        structure in proptest::option::of(structures()),
        layers in vec(vec(any::<u8>(), 1..4_000), 1..4),
        len_max in 400_usize..1_300,
    ) {
        let (mut packets, mut data, mut assembly) = (Vec::new(), Vec::new(), Assembly::default());

        for (spatial_id, frame) in layers.iter().enumerate() {
            let layer = Layer { spatial_id: u8::try_from(spatial_id).unwrap(), ..descriptor.layer.unwrap_or_default() };
            let scalability = if spatial_id == 0 { structure.as_deref() } else { None };
            let descriptor = Descriptor { layer: Some(layer), scalability, ..descriptor };
            let first = packets.len();
            let count = packetize(&descriptor, frame, len_max, |fragment| packets.push(fragment.to_vec()));
            prop_assert_eq!(count.unwrap(), packets.len() - first);
            let lens = packets[first..].iter().map(Vec::len);
            prop_assert!(lens.clone().max().unwrap() <= len_max && lens.clone().max().unwrap() - lens.min().unwrap() <= 1);
        }
        for packet in &packets {
            data.extend_from_slice(assembly.data(packet).unwrap());
        }

        prop_assert_eq!(assembly.finish(), Ok(()));
        prop_assert_eq!(data, layers.concat());
        let (first, _) = Descriptor::parse(&packets[0]).unwrap();
        prop_assert_eq!(first.scalability, structure.as_deref());
    }
}

/// Covers: RFC 9628 §4.2
#[test]
fn key_frames_are_those_of_the_lowest_layer_that_refer_to_nothing() {
    let payload = |descriptor: Descriptor<'_>| [&written(&descriptor)[..], b"data"].concat();
    let start = Descriptor { is_frame_start: true, ..Descriptor::default() };
    let upper = Layer { spatial_id: 1, ..Layer::default() };

    assert!(summarize(&payload(start)).unwrap().is_key_frame);
    assert!(!summarize(&payload(Descriptor { is_inter_predicted: true, ..start })).unwrap().is_key_frame);
    assert!(!summarize(&payload(Descriptor { layer: Some(upper), ..start })).unwrap().is_key_frame);
    assert!(!summarize(&payload(Descriptor::default())).unwrap().is_key_frame);
    assert_eq!(summarize(&written(&start)), Err(PayloadError::Truncated));
}

#[test]
fn what_is_missing_is_told_from_what_is_wrong() {
    let packet = |spatial_id, is_frame_start, is_frame_end| {
        let layer = Some(Layer { spatial_id, ..Layer::default() });
        let descriptor = Descriptor { layer, is_frame_start, is_frame_end, ..Descriptor::default() };
        [&written(&descriptor)[..], b"x"].concat()
    };
    let assemble = |packets: &[Vec<u8>]| {
        let mut assembly = Assembly::default();
        packets.iter().try_for_each(|packet| assembly.data(packet).map(|_| ()))?;
        assembly.finish()
    };

    assert!(matches!(assemble(&[packet(0, false, true)]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(assemble(&[packet(0, true, false)]), Err(PayloadError::Incomplete(_))));
    assert!(matches!(
        assemble(&[packet(0, true, false), packet(1, true, true)]),
        Err(PayloadError::Incomplete(_))
    ));
    assert!(matches!(
        assemble(&[packet(0, true, false), packet(1, false, true)]),
        Err(PayloadError::Incomplete(_))
    ));
    assert!(matches!(
        assemble(&[packet(0, true, true), packet(0, true, true)]),
        Err(PayloadError::Malformed(_))
    ));
    assert_eq!(assemble(&[packet(0, true, true), packet(2, true, true)]), Ok(()));
    assert!(matches!(Descriptor::parse(&[0x10]), Err(PayloadError::Malformed(_))));
    assert!(matches!(Descriptor::parse(&[0xD0, 1, 3, 3, 3]), Err(PayloadError::Malformed(_))));
    assert!(matches!(Descriptor::parse(&[0xD0, 1, 0]), Err(PayloadError::Malformed(_))));
}
