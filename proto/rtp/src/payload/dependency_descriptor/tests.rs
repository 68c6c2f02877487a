use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn indications(count: u8) -> impl Strategy<Value = Vec<DecodeTargetIndication>> {
    vec((0_u32..4).prop_map(DecodeTargetIndication::from_bits), usize::from(count))
}

fn templates(targets: u8, chains: u8) -> impl Strategy<Value = Vec<Template>> {
    let references = vec(1_u16..=16, 0..4).prop_map(|back| List::from_slice(&back));
    let template = (indications(targets), references, vec(0_u8..16, usize::from(chains)), 0_u8..3);
    vec(template, 1..12).prop_map(|parts| {
        let (mut spatial_id, mut temporal_id) = (0, 0);
        let mut templates = Vec::new();
        for (indications, references, chains, step) in parts {
            if !templates.is_empty() {
                match step {
                    1 if temporal_id < 7 => temporal_id += 1,
                    2 if spatial_id < 3 => (spatial_id, temporal_id) = (spatial_id + 1, 0),
                    _ => {}
                }
            }
            templates.push(Template { spatial_id, temporal_id, indications, references, chains });
        }
        templates
    })
}

fn structures() -> impl Strategy<Value = TemplateStructure> {
    (1_u8..=32)
        .prop_flat_map(|targets| (Just(targets), 0..=targets.min(6)))
        .prop_flat_map(|(targets, chains)| {
            let protected_by = vec(0..chains.max(1), if chains == 0 { 0 } else { usize::from(targets) });
            let sizes = vec((1_u32..=65_536, 1_u32..=65_536), 4);
            (
                0_u8..64,
                Just(targets),
                templates(targets, chains),
                Just(chains),
                protected_by,
                sizes,
                any::<bool>(),
            )
        })
        .prop_map(
            |(template_id_offset, decode_targets, templates, chain_count, protected_by, sizes, has_sizes)| {
                let layers = usize::from(templates.last().unwrap().spatial_id) + 1;
                let resolutions = sizes.into_iter().take(if has_sizes { layers } else { 0 });
                let resolutions = resolutions.map(|(width, height)| Resolution { width, height }).collect();
                TemplateStructure {
                    template_id_offset,
                    decode_targets,
                    templates,
                    chain_count,
                    protected_by,
                    resolutions,
                }
            },
        )
}

/// Whether parts are there, and what they are: the lists are cut to what the structure has.
fn descriptors() -> impl Strategy<Value = (DependencyDescriptor, TemplateStructure)> {
    let custom = (
        proptest::option::of(any::<u32>()),
        proptest::option::of(indications(32)),
        proptest::option::of(vec(1_u16..=4_096, 0..=REFERENCES_MAX)),
        proptest::option::of(vec(any::<u8>(), 32)),
    );
    (structures(), any::<bool>(), any::<(bool, bool, u8, u16)>(), custom).prop_map(
        |(structure, has_structure, (is_frame_start, is_frame_end, template, frame_number), custom)| {
            let (active, indications, references, chains) = custom;
            let count = structure.templates.len();
            let template_id = (structure.template_id_offset + template % u8::try_from(count).unwrap()) % 64;
            let descriptor = DependencyDescriptor {
                mandatory: MandatoryFields { is_frame_start, is_frame_end, template_id, frame_number },
                structure: has_structure.then(|| Box::new(structure.clone())),
                active_decode_targets: active.map(|bits| bits & structure.all_decode_targets()),
                indications: indications
                    .map(|list| List::from_slice(&list[..usize::from(structure.decode_targets)])),
                references: references.map(|list| List::from_slice(&list)),
                chains: chains.map(|list| List::from_slice(&list[..usize::from(structure.chain_count)])),
            };
            (descriptor, structure)
        },
    )
}

fn written(descriptor: &DependencyDescriptor, structure: &TemplateStructure) -> Vec<u8> {
    let mut out = [0xAA; 2_000];
    let len = descriptor.write(structure, &mut out).unwrap();
    out[..len].to_vec()
}

fn key(structure: &TemplateStructure) -> DependencyDescriptor {
    DependencyDescriptor {
        mandatory: MandatoryFields {
            is_frame_start: true,
            is_frame_end: false,
            template_id: structure.template_id_offset,
            frame_number: 7,
        },
        structure: Some(Box::new(structure.clone())),
        active_decode_targets: None,
        indications: None,
        references: None,
        chains: None,
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same_and_is_written_the_same((descriptor, structure) in descriptors(), number: u16) {
        let mut reader = Reader::new();
        let first = written(&key(&structure), &structure);
        let mut bytes = written(&descriptor, &structure);
        prop_assume!(first.len() <= LEN_MAX && bytes.len() <= LEN_MAX);
        reader.read(&first).unwrap();

        let read = reader.read(&bytes).unwrap();

        prop_assert_eq!(&read, &descriptor);
        prop_assert_eq!(written(&read, &structure), bytes.clone());
        prop_assert_eq!(reader.structure(), Some(&structure));
        let active = descriptor.active_decode_targets.unwrap_or(structure.all_decode_targets());
        prop_assert_eq!(reader.active_decode_targets(), active);
        prop_assert!(read.frame(&structure).is_ok());
        prop_assert_eq!(has_structure(&bytes), descriptor.structure.is_some());

        rewrite_frame_number(&mut bytes, number).unwrap();
        let renumbered = reader.read(&bytes).unwrap();
        let mandatory = MandatoryFields { frame_number: number, ..descriptor.mandatory };
        prop_assert_eq!(MandatoryFields::parse(&bytes), Ok(mandatory));
        prop_assert_eq!(renumbered, DependencyDescriptor { mandatory, ..descriptor });
    }

    #[test]
    fn any_bytes_are_read_or_refused(packets in vec(vec(any::<u8>(), 0..80), 1..5)) {
        let mut reader = Reader::new();
        for bytes in packets {
            let before = reader.structure().cloned();
            if let Ok(descriptor) = reader.read(&bytes) {
                let structure = reader.structure().unwrap();
                let mut again = reader.clone();
                prop_assert_eq!(again.read(&written(&descriptor, structure)), Ok(descriptor));
            } else {
                prop_assert_eq!(before.as_ref(), reader.structure());
            }
        }
    }
}

/// The structure of one spatial and three temporal layers, as libwebrtc's encoders describe it (L1T3).
fn l1t3() -> TemplateStructure {
    let template = |temporal_id, indications: &str, references: &[u16], chain| Template {
        spatial_id: 0,
        temporal_id,
        indications: indications
            .chars()
            .map(|letter| DecodeTargetIndication::from_bits("-DSR".find(letter).unwrap().try_into().unwrap()))
            .collect(),
        references: List::from_slice(references),
        chains: vec![chain],
    };
    TemplateStructure {
        template_id_offset: 0,
        decode_targets: 3,
        templates: vec![
            template(0, "SSS", &[], 0),
            template(0, "SSS", &[4], 4),
            template(1, "-DS", &[2], 2),
            template(2, "--D", &[1], 1),
            template(2, "--D", &[1], 3),
        ],
        chain_count: 1,
        protected_by: vec![0, 0, 0],
        resolutions: vec![Resolution { width: 640, height: 360 }],
    }
}

#[test]
fn a_structure_tells_layers_and_dependencies() {
    let structure = l1t3();
    let mut reader = Reader::new();
    reader.read(&written(&key(&structure), &structure)).unwrap();

    let descriptor = reader.read(&[0xC2, 0, 9]).unwrap();
    let frame = descriptor.frame(reader.structure().unwrap()).unwrap();

    assert_eq!(
        (frame.spatial_id, frame.temporal_id, frame.references, frame.chains),
        (0, 1, &[2][..], &[2][..])
    );
    assert_eq!(frame.resolution, Some(Resolution { width: 640, height: 360 }));
    assert_eq!(
        [0, 1, 2, 3].map(|target| structure.layers_of(target)),
        [Some((0, 0)), Some((0, 1)), Some((0, 2)), None]
    );
    assert_eq!(reader.active_decode_targets(), 0b111);
}

#[test]
fn nothing_is_read_without_a_structure_or_with_a_template_that_is_not_there() {
    let structure = l1t3();
    let mut reader = Reader::new();

    assert!(matches!(reader.read(&[0xC0, 0, 1]), Err(PayloadError::Incomplete(_))));
    reader.read(&written(&key(&structure), &structure)).unwrap();
    assert!(matches!(reader.read(&[0xC5, 0, 1]), Err(PayloadError::Malformed(_))));
    assert_eq!(reader.read(&[0xC0, 0]), Err(PayloadError::Truncated));
    assert_eq!(reader.read(&[0; 256]), Err(PayloadError::TooLarge));
    assert_eq!(rewrite_frame_number(&mut [0, 0], 1), Err(PayloadError::Truncated));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let refuse = |change: fn(&mut TemplateStructure)| {
        let mut structure = l1t3();
        change(&mut structure);
        key(&structure).write(&structure, &mut [0; 500]).unwrap_err()
    };

    for change in [
        (|structure| structure.decode_targets = 33) as fn(&mut TemplateStructure),
        |structure| structure.decode_targets = 0,
        |structure| structure.chain_count = 2,
        |structure| structure.templates.clear(),
        |structure| structure.templates[2].temporal_id = 5,
        |structure| structure.templates[2].indications.clear(),
        |structure| structure.resolutions[0].width = 0,
        |structure| structure.protected_by.clear(),
    ] {
        assert!(matches!(refuse(change), PayloadError::InvalidArgument(_)));
    }
    assert!(key(&l1t3()).write(&l1t3(), &mut [0; 5]).is_err(), "no room");
}
