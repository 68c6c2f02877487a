//! A byte that chooses the format, then a payload.

use moim_rtp::payload::{PayloadFormat, av1, h264, h265, opus, summarize, vp8, vp9};
use moim_wire::Writer;

/// Reads a payload in every way there is; what is read can be written and reads the same, and a rewrite changes what it names only.
pub(crate) fn exercise(input: &[u8]) {
    let [choice, payload @ ..] = input else { return };
    let format = PayloadFormat::ALL[usize::from(*choice) % PayloadFormat::ALL.len()];
    let summary = summarize(format, payload);
    assert!(!payload.is_empty() || summary.is_err(), "nothing says nothing");
    match format {
        PayloadFormat::Opus => {
            assert!(
                opus::ticks(payload).is_ok_and(|ticks| (1..=5_760).contains(&ticks))
                    || opus::ticks(payload).is_err()
            );
        }
        PayloadFormat::Vp8 => vp8(payload),
        PayloadFormat::Vp9 => vp9(payload),
        PayloadFormat::H264 => h264(payload),
        PayloadFormat::H265 => {
            let _ = h265::UnitHeader::parse(payload);
        }
        PayloadFormat::Av1 => av1(payload),
    }
}

fn vp8(payload: &[u8]) {
    let Ok((descriptor, len)) = vp8::Descriptor::parse(payload) else { return };
    let mut buffer = [0; vp8::DESCRIPTOR_LEN_MAX];
    let mut writer = Writer::new(&mut buffer);
    descriptor.write(&mut writer).expect("there is room for the longest");
    // Reserved bits and an extension that says nothing are not written again.
    assert!(writer.len() <= len);
    assert_eq!(vp8::Descriptor::parse(writer.written()), Ok((descriptor, writer.len())));

    let mut rewritten = payload.to_vec();
    let change = vp8::Rewrite { picture_id: Some(0x1234), tl0_picture_index: Some(7), key_index: Some(9) };
    vp8::rewrite(&mut rewritten, change).expect("what was read can be rewritten");
    let expected = vp8::Descriptor {
        picture_id: descriptor.picture_id.map(|old| old.with_number(0x1234)),
        tl0_picture_index: descriptor.tl0_picture_index.map(|_| 7),
        key_index: descriptor.key_index.map(|_| 9),
        ..descriptor
    };
    assert_eq!(vp8::Descriptor::parse(&rewritten), Ok((expected, len)));
    assert_eq!(rewritten[len..], payload[len..]);
    let _ = vp8::KeyFrameHeader::parse(&payload[len..]);
}

fn vp9(payload: &[u8]) {
    let Ok((descriptor, len)) = vp9::Descriptor::parse(payload) else { return };
    let mut buffer = vec![0; len];
    let mut writer = Writer::new(&mut buffer);
    descriptor.write(&mut writer).expect("it came in as many bytes");
    assert_eq!(vp9::Descriptor::parse(writer.written()), Ok((descriptor, writer.len())));
    if let Some(structure) = descriptor.scalability {
        let parsed = vp9::ScalabilityStructure::parse(structure).expect("its length is known");
        let mut buffer = vec![0; structure.len()];
        parsed.write(&mut Writer::new(&mut buffer)).expect("it came in as many bytes");
        assert_eq!(vp9::ScalabilityStructure::parse(&buffer), Ok(parsed));
    }

    let mut rewritten = payload.to_vec();
    vp9::rewrite(&mut rewritten, vp9::Rewrite { picture_id: Some(0x1234), tl0_picture_index: Some(7) })
        .expect("what was read can be rewritten");
    let expected = vp9::Descriptor {
        picture_id: descriptor.picture_id.map(|old| old.with_number(0x1234)),
        tl0_picture_index: descriptor.tl0_picture_index.map(|_| 7),
        ..descriptor
    };
    assert_eq!(vp9::Descriptor::parse(&rewritten), Ok((expected, len)));
    assert_eq!(rewritten[len..], payload[len..]);
    let _ = vp9::is_key_frame(&payload[len..]);
}

fn h264(payload: &[u8]) {
    let _ = h264::Sps::parse(payload);
    let _ = h264::decoder_configuration(payload, payload);
    let units: Vec<_> = h264::annex_b::units(payload).collect();
    let prefixed = h264::annex_b::to_length_prefixed(payload);
    assert_eq!(prefixed.len(), units.iter().map(|unit| unit.len() + 4).sum::<usize>());
    let again = h264::annex_b::from_length_prefixed(&prefixed, 4).expect("the lengths are right");
    assert!(h264::annex_b::units(&again).eq(units));
    let _ = h264::annex_b::from_length_prefixed(payload, 1);
}

fn av1(payload: &[u8]) {
    if let Ok(elements) = av1::elements(payload) {
        let elements: Vec<_> = elements.collect();
        assert!(elements.len() <= payload.len());
        assert!(
            elements.iter().filter_map(|element| element.ok()).map(<[u8]>::len).sum::<usize>()
                < payload.len()
        );
    }
    assert!(av1::obus(payload).count() <= payload.len());
    let _ = av1::SequenceHeader::parse(payload);
    let _ = av1::codec_configuration(payload);
}
