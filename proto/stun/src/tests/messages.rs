use crate::attribute::{
    ErrorCode, MappedAddress, Nonce, PasswordAlgorithm, PasswordAlgorithms, Software, UNKNOWN_ATTRIBUTES_MAX,
    UnknownAttributes, Username, XorMappedAddress,
};
use crate::{
    AttributeType, BuildError, Class, FingerprintCheck, Integrity, IntegrityCheck, IntegrityKey,
    MAGIC_COOKIE, Message, MessageBuilder, Method, ParseError, SHA256_LEN, SHA256_LEN_MIN, Seal,
    TransactionId,
};

const ID: TransactionId = TransactionId(*b"transactions");

/// A message of these attributes, padded by bytes that are not zero.
fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (attribute_type, value) in attributes {
        body.extend(attribute_type.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0xee);
    }
    let mut bytes = vec![0, 1];
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(MAGIC_COOKIE.to_be_bytes());
    bytes.extend(ID.0);
    bytes.extend(body);
    bytes
}

fn types(bytes: &[u8]) -> Vec<u16> {
    Message::parse(bytes).unwrap().attributes().map(|attribute| attribute.attribute_type.0).collect()
}

fn with_type(class: Class, seal: Seal<'_>, buffer: &mut [u8]) -> Vec<u8> {
    let mut builder = MessageBuilder::new(buffer, class, Method::BINDING, ID).unwrap();
    builder.attribute(&Username("u")).unwrap();
    builder.finish(seal).unwrap().to_vec()
}

/// Covers: RFC 8489 §5, §6.3
#[test]
fn what_is_no_message_is_refused_with_a_reason() {
    let good = message(&[]);
    let altered = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        Message::parse(&bytes).unwrap_err()
    };

    assert_eq!(Message::parse(&good[..19]).unwrap_err(), ParseError::TooShort);
    assert_eq!(Message::parse(&[]).unwrap_err(), ParseError::TooShort);
    assert_eq!(altered(0, 0x40), ParseError::NotStun);
    assert_eq!(altered(0, 0x80), ParseError::NotStun);
    assert_eq!(altered(4, 0x20), ParseError::NoMagicCookie);
    assert_eq!(altered(3, 2), ParseError::LengthUnaligned);
    assert_eq!(altered(3, 4), ParseError::LengthMismatch);
    assert_eq!(Message::parse(&[&good[..], &[0; 4]].concat()).unwrap_err(), ParseError::LengthMismatch);
}

/// Covers: RFC 8489 §14
#[test]
fn attributes_beyond_the_end_are_refused() {
    for len in [1, 4, 5, 0xffff_u16] {
        let mut bytes = message(&[(0x8022, b"")]);
        bytes[22..24].copy_from_slice(&len.to_be_bytes());

        assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::AttributeOverrun);
    }
}

/// Covers: RFC 8489 §14 (padding of any content, first of several)
#[test]
fn padding_is_not_looked_at_and_the_first_of_several_counts() {
    let bytes = message(&[(0x0006, b"abc"), (0x0006, b"second"), (0x8022, b"x")]);
    let message = Message::parse(&bytes).unwrap();

    assert_eq!(message.get(), Ok(Some(Username("abc"))));
    assert_eq!(message.get(), Ok(Some(Software("x"))));
    assert_eq!(types(&bytes), [6, 6, 0x8022]);
}

/// Covers: RFC 8489 §14.5, §14.6
#[test]
fn what_follows_the_integrity_does_not_count() {
    assert_eq!(
        types(&message(&[(0x08, &[0; 20]), (0x06, b"evil"), (0x1c, &[0; 32]), (0x8028, &[0; 4])])),
        [0x08, 0x1c, 0x8028]
    );
    assert_eq!(
        types(&message(&[(0x1c, &[0; 32]), (0x08, &[0; 20]), (0x1c, &[0; 32]), (0x24, &[0; 4])])),
        [0x1c]
    );
    assert_eq!(types(&message(&[(0x08, &[0; 20]), (0x08, &[0; 20])])), [0x08]);
}

/// Covers: RFC 8489 §14.7
#[test]
fn the_fingerprint_has_to_be_last_and_right() {
    let not_last = message(&[(0x8028, &[0; 4]), (0x8022, b"")]);
    assert_eq!(Message::parse(&not_last).unwrap_err(), ParseError::FingerprintNotLast);

    for value in [&[][..], &[0; 3], &[0; 4], &[0; 8]] {
        let bytes = message(&[(0x8028, value)]);
        assert_eq!(Message::parse(&bytes).unwrap().check_fingerprint(), FingerprintCheck::Invalid);
    }
}

/// Covers: RFC 8489 §14.5, §14.6, §14.7
#[test]
fn one_changed_bit_anywhere_is_found_out() {
    let key = IntegrityKey::short_term("password");
    let mut buffer = [0; 256];
    let seal = Seal { integrity: Integrity::Both(&key), fingerprint: true };
    let bytes = with_type(Class::Request, seal, &mut buffer);
    assert_eq!(types(&bytes), [0x06, 0x08, 0x1c, 0x8028]);
    let sha1_end = bytes.len() - 8 - 36;
    let checks = |bytes: &[u8]| {
        let message = Message::parse(bytes).ok()?;
        let sha256 = message.check_sha256(&key, SHA256_LEN);
        Some((message.check_sha1(&key), sha256, message.check_fingerprint()))
    };
    assert_eq!(checks(&bytes), Some((IntegrityCheck::Valid, IntegrityCheck::Valid, FingerprintCheck::Valid)));

    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let Some((sha1, sha256, fingerprint)) = checks(&altered) else { continue };

        assert_ne!(fingerprint, FingerprintCheck::Valid, "bit {bit}");
        assert!(bit / 8 >= sha1_end || sha1 != IntegrityCheck::Valid, "bit {bit}");
        assert!(bit / 8 >= bytes.len() - 8 || sha256 != IntegrityCheck::Valid, "bit {bit}");
    }
}

/// Covers: RFC 8489 §14.6
#[test]
fn a_truncated_sha256_is_accepted_only_as_far_as_allowed() {
    let key = IntegrityKey::short_term("password");
    for len in 0..=40_usize {
        // The length of the attribute is part of what is signed, through the length field.
        let mut bytes = message(&[(0x0006, b"user"), (0x001c, &vec![0; len])]);
        let offset = 20 + 8;
        let tag = crate::integrity::sign(&bytes, offset, len.next_multiple_of(4), &key.sha256());
        let filled = len.min(SHA256_LEN);
        bytes[offset + 4..][..filled].copy_from_slice(&tag.as_ref()[..filled]);
        let message = Message::parse(&bytes).unwrap();
        let expected = |allowed: bool| if allowed { IntegrityCheck::Valid } else { IntegrityCheck::Invalid };

        assert_eq!(message.check_sha256(&key, SHA256_LEN), expected(len == SHA256_LEN), "{len}");
        let truncated = (SHA256_LEN_MIN..=SHA256_LEN).contains(&len) && len % 4 == 0;
        assert_eq!(message.check_sha256(&key, SHA256_LEN_MIN), expected(truncated), "{len}");
        assert_eq!(message.check_sha256(&key, 0), expected(truncated), "{len}");
        assert_eq!(message.check_sha256(&key, 20), expected(truncated && len >= 20), "{len}");
    }
}

/// Covers: RFC 8489 §14.5
#[test]
fn a_sha1_of_another_length_is_invalid() {
    let key = IntegrityKey::short_term("password");
    for len in [0, 16, 24, 32] {
        let bytes = message(&[(0x0008, &vec![0; len])]);

        assert_eq!(Message::parse(&bytes).unwrap().check_sha1(&key), IntegrityCheck::Invalid);
    }
}

/// Covers: RFC 8489 §14.1, §14.2
#[test]
fn addresses_of_another_form_are_malformed() {
    let values: [&[u8]; 6] = [
        &[],
        &[0, 1, 0, 80, 192, 0, 2],
        &[0, 1, 0, 80, 192, 0, 2, 1, 0],
        &[0, 2, 0, 80, 192, 0, 2, 1],
        &[0, 3, 0, 80, 192, 0, 2, 1],
        &[0, 0, 0, 80, 192, 0, 2, 1],
    ];
    for value in values {
        let bytes = message(&[(0x0001, value), (0x0020, value)]);
        let message = Message::parse(&bytes).unwrap();

        let mapped = ParseError::MalformedAttribute(AttributeType::MAPPED_ADDRESS);
        assert_eq!(message.get::<MappedAddress>(), Err(mapped));
        let xor_mapped = ParseError::MalformedAttribute(AttributeType::XOR_MAPPED_ADDRESS);
        assert_eq!(message.get::<XorMappedAddress>(), Err(xor_mapped));
    }
    // The first byte is reserved, whatever it is.
    let bytes = message(&[(0x0001, &[9, 1, 0, 80, 192, 0, 2, 1])]);
    let mapped = Message::parse(&bytes).unwrap().get();
    assert_eq!(mapped, Ok(Some(MappedAddress("192.0.2.1:80".parse().unwrap()))));
}

/// Covers: RFC 8489 §14.3, §14.10
#[test]
fn texts_keep_to_their_limits() {
    let malformed = ParseError::MalformedAttribute;
    let long = vec![b'x'; 764];
    let bytes = message(&[(0x0006, &long[..509]), (0x0015, &long), (0x8022, &[0xff, 0xfe])]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.get::<Username<'_>>(), Err(malformed(AttributeType::USERNAME)));
    assert_eq!(message.get::<Nonce<'_>>(), Err(malformed(AttributeType::NONCE)));
    assert_eq!(message.get::<Software<'_>>(), Err(malformed(AttributeType::SOFTWARE)));

    let mut buffer = [0; 1024];
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();
    let invalid = |attribute_type| Err(BuildError::InvalidValue(attribute_type));
    let text = "x".repeat(509);
    assert_eq!(builder.attribute(&Username(&text)), invalid(AttributeType::USERNAME));
    assert_eq!(builder.attribute(&Username(&text[1..])), Ok(()));
    assert_eq!(builder.attribute(&Nonce(&text[..128])), invalid(AttributeType::NONCE));
    assert_eq!(builder.attribute(&Nonce(&text[..127])), Ok(()));
}

/// Covers: RFC 8489 §14.8
#[test]
fn error_codes_are_from_300_to_699() {
    assert_eq!(ErrorCode::new(299, ""), None);
    assert_eq!(ErrorCode::new(700, ""), None);
    for (value, code) in [
        (&[0, 0, 4, 20][..], Some(420)),
        (&[0xff, 0xff, 0xfc, 1], Some(401)),
        (&[0, 0, 2, 99], None),
        (&[0, 0, 7, 0], None),
        (&[0, 0, 4, 100], None),
        (&[0, 0, 4], None),
        (&[0, 0, 4, 0, 0xff], None),
    ] {
        let bytes = message(&[(0x0009, value)]);
        let error = Message::parse(&bytes).unwrap().get::<ErrorCode<'_>>();

        let expected = code.ok_or(ParseError::MalformedAttribute(AttributeType::ERROR_CODE));
        assert_eq!(error.map(|error| error.unwrap().code()), expected);
    }
}

/// Covers: RFC 8489 §14.13
#[test]
fn unknown_attributes_are_listed_once_and_up_to_a_limit() {
    let mut unknown = UnknownAttributes::EMPTY;
    for number in 0..100 {
        unknown.insert(AttributeType(number));
        unknown.insert(AttributeType(number));
    }
    assert_eq!(unknown.as_slice().len(), UNKNOWN_ATTRIBUTES_MAX);
    assert_eq!(unknown.as_slice()[1], AttributeType(1));

    let bytes = message(&[(0x000a, &[0, 3, 0x7f])]);
    let odd = Message::parse(&bytes).unwrap().get::<UnknownAttributes>();
    assert_eq!(odd, Err(ParseError::MalformedAttribute(AttributeType::UNKNOWN_ATTRIBUTES)));
}

/// Covers: RFC 8489 §14.11, §14.12
#[test]
fn password_algorithms_are_read_in_order_with_their_parameters() {
    let value = [0, 2, 0, 0, 0, 9, 0, 3, 1, 2, 3, 0xee, 0, 1, 0, 0];
    let bytes = message(&[(0x8002, &value), (0x001d, &value[4..12])]);
    let message = Message::parse(&bytes).unwrap();

    let algorithms = message.get::<PasswordAlgorithms<'_>>().unwrap().unwrap();
    let list: Vec<_> = algorithms.iter().collect();
    assert_eq!(list[0], PasswordAlgorithm::SHA256);
    assert_eq!((list[1].algorithm.0, list[1].parameters), (9, &[1, 2, 3][..]));
    assert_eq!(list[2], PasswordAlgorithm::MD5);
    assert_eq!(message.get(), Ok(Some(list[1])));
}

/// Covers: RFC 8489 §14.11
#[test]
fn password_algorithms_cut_short_are_malformed() {
    for value in [&[0, 2, 0][..], &[0, 2, 0, 4, 1], &[0, 1, 0, 0, 0]] {
        let bytes = message(&[(0x8002, value)]);

        let algorithms = Message::parse(&bytes).unwrap().get::<PasswordAlgorithms<'_>>();
        assert_eq!(algorithms, Err(ParseError::MalformedAttribute(AttributeType::PASSWORD_ALGORITHMS)));
    }
}

#[test]
fn a_message_that_does_not_fit_is_an_error_and_never_a_part_of_one() {
    let key = IntegrityKey::short_term("password");
    let build = |buffer: &mut [u8]| -> Result<usize, BuildError> {
        let mut builder = MessageBuilder::new(buffer, Class::Request, Method::BINDING, ID)?;
        builder.attribute(&Username("abcde"))?;
        Ok(builder.finish(Seal { integrity: Integrity::Both(&key), fingerprint: true })?.len())
    };
    let len = build(&mut [0; 256]).unwrap();

    for size in 0..len {
        assert_eq!(build(&mut vec![0; size]), Err(BuildError::BufferTooSmall));
    }
    assert_eq!(build(&mut vec![0; len]), Ok(len));
}

#[test]
fn an_attribute_that_does_not_fit_leaves_the_message_as_it_was() {
    let mut buffer = [0; 32];
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();

    assert_eq!(builder.attribute(&Username("too long for it")), Err(BuildError::BufferTooSmall));
    assert_eq!(builder.attribute(&Username("fits")), Ok(()));

    let bytes = builder.finish(Seal::default()).unwrap();
    assert_eq!(Message::parse(bytes).unwrap().get(), Ok(Some(Username("fits"))));
}

#[test]
fn a_message_longer_than_its_length_field_can_say_is_an_error() {
    let mut buffer = vec![0; 70_000];
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();

    let value = vec![0; 65_536];
    let invalid = Err(BuildError::InvalidValue(AttributeType(0x8055)));
    assert_eq!(builder.raw(AttributeType(0x8055), &value), invalid);
    builder.raw(AttributeType(0x8055), &value[..65_000]).unwrap();
    builder.raw(AttributeType(0x8055), &value[..600]).unwrap();

    assert_eq!(builder.finish(Seal::default()).unwrap_err(), BuildError::MessageTooLong);
}
