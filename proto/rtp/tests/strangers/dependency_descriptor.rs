//! Descriptors of one stream: each a length and as many bytes.

use moim_rtp::payload::dependency_descriptor::{
    MandatoryFields, Reader, TEMPLATES_MAX, has_structure, rewrite_frame_number,
};

/// Reads descriptors one after another. What is read can be written and reads the same; what cannot be read changes nothing.
pub(crate) fn exercise(input: &[u8]) {
    let mut reader = Reader::new();
    let mut rest = input;
    while let [len, behind @ ..] = rest {
        let (bytes, behind) = behind.split_at(usize::from(*len).min(behind.len()));
        rest = behind;
        one(&mut reader, bytes);
    }
}

fn one(reader: &mut Reader, bytes: &[u8]) {
    let before = (reader.structure().cloned(), reader.active_decode_targets());
    let Ok(descriptor) = reader.read(bytes) else {
        assert_eq!(before, (reader.structure().cloned(), reader.active_decode_targets()));
        return;
    };
    let structure = reader.structure().expect("nothing is read without one");
    assert!(structure.templates.len() <= TEMPLATES_MAX);
    assert_eq!(MandatoryFields::parse(bytes), Ok(descriptor.mandatory));
    assert_eq!(has_structure(bytes), descriptor.structure.is_some());
    let frame = descriptor.frame(structure).expect("its template is there");
    assert_eq!(frame.indications.len(), usize::from(structure.decode_targets));
    assert_eq!(frame.chains.len(), usize::from(structure.chain_count));
    assert_eq!(reader.active_decode_targets() & !structure.all_decode_targets(), 0);

    let mut out = [0; 2 * 255];
    let len = descriptor.write(structure, &mut out).expect("it came in fewer bytes");
    let mut again = reader.clone();
    assert_eq!(again.read(&out[..len]).as_ref(), Ok(&descriptor));
    rewrite_frame_number(&mut out[..len], 0x5A5A).expect("every descriptor has a number");
    assert_eq!(again.read(&out[..len]).map(|read| read.mandatory.frame_number), Ok(0x5A5A));
}
