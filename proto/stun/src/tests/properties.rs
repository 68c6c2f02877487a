use crate::attribute::{
    AlternateServer, ErrorCode, MappedAddress, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm, Software,
    UnknownAttributes, UserHash, Username, XorMappedAddress,
};
use crate::testing::exercise;
use crate::tests::vectors;
use crate::{
    AttributeType, Class, FingerprintCheck, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder,
    Method, SHA256_LEN, Seal, TransactionId, framed_len,
};
use proptest::prelude::*;
use std::net::SocketAddr;

macro_rules! round_trip {
    ($id:expr, $attribute:expr) => {{
        let mut buffer = [0; 1024];
        let id = TransactionId($id);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
        builder.attribute(&$attribute).unwrap();
        let bytes = builder.finish(Seal::default()).unwrap();
        prop_assert_eq!(Message::parse(bytes).unwrap().get(), Ok(Some($attribute)));
    }};
}

proptest! {
    #[test]
    fn what_is_built_is_what_is_read(
        class in class(),
        number in 0..=0xfff_u16,
        id in any::<[u8; 12]>(),
        attributes in prop::collection::vec((0x9000..0xa000_u16, prop::collection::vec(any::<u8>(), 0..40)), 0..10),
        protection in 0..4,
        fingerprint in any::<bool>(),
        password in ".{1,20}",
    ) {
        let key = IntegrityKey::short_term(&password);
        let integrity = match protection {
            0 => Integrity::None,
            1 => Integrity::Sha1(&key),
            2 => Integrity::Sha256(&key),
            _ => Integrity::Both(&key),
        };
        let method = Method::new(number).unwrap();
        let mut buffer = [0xaa; 1024];
        let mut builder = MessageBuilder::new(&mut buffer, class, method, TransactionId(id)).unwrap();
        for (attribute_type, value) in &attributes {
            builder.raw(AttributeType(*attribute_type), value).unwrap();
        }

        let bytes = builder.finish(Seal { integrity, fingerprint }).unwrap();
        let message = Message::parse(bytes).unwrap();

        prop_assert_eq!((message.class(), message.method(), message.transaction_id()), (class, method, TransactionId(id)));
        prop_assert_eq!(framed_len(bytes), Ok(Some(bytes.len())));
        let read: Vec<_> = message.attributes().take(attributes.len()).map(|a| (a.attribute_type.0, a.value.to_vec())).collect();
        prop_assert_eq!(read, attributes);
        let (sha1, sha256) = (message.check_sha1(&key), message.check_sha256(&key, SHA256_LEN));
        prop_assert_eq!(sha1 == IntegrityCheck::Valid, protection & 1 != 0);
        prop_assert_eq!(sha256 == IntegrityCheck::Valid, protection & 2 != 0);
        prop_assert!(sha1 != IntegrityCheck::Invalid && sha256 != IntegrityCheck::Invalid);
        let expected = if fingerprint { FingerprintCheck::Valid } else { FingerprintCheck::Absent };
        prop_assert_eq!(message.check_fingerprint(), expected);
    }

    #[test]
    fn every_typed_attribute_reads_back_as_written(
        id in any::<[u8; 12]>(),
        address in any::<SocketAddr>().prop_map(without_scope),
        text in "\\PC{0,127}",
        code in 300..700_u16,
        hash in any::<[u8; 32]>(),
        parameters in prop::collection::vec(any::<u8>(), 0..20),
        unknown in prop::collection::vec(any::<u16>(), 0..12),
    ) {
        round_trip!(id, XorMappedAddress(address));
        round_trip!(id, MappedAddress(address));
        round_trip!(id, AlternateServer(address));
        if text.len() <= 508 {
            round_trip!(id, Username(&text));
            round_trip!(id, Realm(&text));
            round_trip!(id, Nonce(&text));
            round_trip!(id, Software(&text));
            round_trip!(id, ErrorCode::new(code, &text).unwrap());
        }
        round_trip!(id, UserHash(hash));
        let algorithm = PasswordAlgorithm { parameters: &parameters, ..PasswordAlgorithm::SHA256 };
        round_trip!(id, algorithm);
        round_trip!(id, PasswordAlgorithms::SHA256_THEN_MD5);
        let mut list = UnknownAttributes::EMPTY;
        unknown.into_iter().map(AttributeType).for_each(|unknown| list.insert(unknown));
        round_trip!(id, list);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    /// Bytes that get past the header, so that the attributes are reached.
    #[test]
    fn no_attributes_make_it_panic(body in prop::collection::vec(
        prop_oneof![3 => 0..40_u8, 1 => any::<u8>()], 0..50)
    ) {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.resize(20, 7);
        bytes.extend(&body[..body.len() / 4 * 4]);
        bytes[3] = u8::try_from(bytes.len() - 20).unwrap();
        exercise(&bytes);
    }

    #[test]
    fn no_damage_to_a_message_makes_it_panic(
        vector in 0..5_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = vectors::all()[vector].clone();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        exercise(&bytes);
    }
}

#[test]
fn a_message_cut_short_is_refused_wherever_it_is_cut() {
    for bytes in vectors::all() {
        for len in 0..bytes.len() {
            assert!(Message::parse(&bytes[..len]).is_err());
            exercise(&bytes[..len]);
        }
    }
}

#[test]
fn the_corpus_of_the_fuzzer_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/stun_message");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        exercise(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

/// Flow label and scope are not part of an address on the wire.
fn without_scope(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(vec![
        Class::Request,
        Class::Indication,
        Class::SuccessResponse,
        Class::ErrorResponse,
    ])
}
