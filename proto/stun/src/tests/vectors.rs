//! The messages of RFC 5769 and RFC 8489 appendix B, from `tests/vectors/stun`.

use crate::attribute::{
    Attribute, ErrorCode, Nonce, PasswordAlgorithm, Realm, Software, UserHash, Username, XorMappedAddress,
};
use crate::{
    AttributeType, BuildError, Class, FingerprintCheck, Integrity, IntegrityCheck, IntegrityKey, Message,
    MessageBuilder, Method, ParseError, SHA256_LEN, Seal, TransactionId,
};
use moim_wire::{Reader, Writer};

macro_rules! vector {
    ($name:literal) => {
        parse_hex(include_str!(concat!("../../../../tests/vectors/stun/", $name, ".hex")))
    };
}

const SHORT_TERM_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const LONG_TERM_USERNAME: &str = "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}";
const LONG_TERM_PASSWORD: &str = "TheMatrIX";
const REALM: &str = "example.org";

/// Every well-formed vector.
pub(crate) fn all() -> [Vec<u8>; 5] {
    [
        vector!("rfc5769-2.1-request"),
        vector!("rfc5769-2.2-ipv4-response"),
        vector!("rfc5769-2.3-ipv6-response"),
        vector!("rfc5769-2.4-long-term-request"),
        vector!("rfc8489-b.1-erratum-6268"),
    ]
}

/// Covers: RFC 5769 §2.1
#[test]
fn sample_request() {
    let bytes = vector!("rfc5769-2.1-request");
    let message = Message::parse(&bytes).unwrap();

    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(format!("{:?}", message.transaction_id()), "b7e7a701bc34d686fa87dfae");
    assert_eq!(message.get(), Ok(Some(Software("STUN test client"))));
    assert_eq!(message.get(), Ok(Some(Username("evtj:h6vY"))));
    assert_eq!(message.get(), Ok(Some(Priority(0x6e00_01ff))));
    assert_eq!(message.find(AttributeType(0x8029)).unwrap().value, 0x932f_f9b1_5126_3b36_u64.to_be_bytes());
    let key = IntegrityKey::short_term(SHORT_TERM_PASSWORD);
    assert_eq!(message.check_sha1(&key), IntegrityCheck::Valid);
    assert_eq!(message.check_sha1(&IntegrityKey::short_term("another")), IntegrityCheck::Invalid);
    assert_eq!(message.check_sha256(&key, SHA256_LEN), IntegrityCheck::Absent);
    assert_eq!(message.check_fingerprint(), FingerprintCheck::Valid);
}

/// Covers: RFC 5769 §2.2, §2.3
#[test]
fn sample_responses() {
    let vectors = [
        (vector!("rfc5769-2.2-ipv4-response"), "192.0.2.1:32853"),
        (vector!("rfc5769-2.3-ipv6-response"), "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ];
    for (bytes, mapped) in vectors {
        let message = Message::parse(&bytes).unwrap();

        assert_eq!((message.class(), message.method()), (Class::SuccessResponse, Method::BINDING));
        assert_eq!(message.get(), Ok(Some(Software("test vector"))));
        assert_eq!(message.get(), Ok(Some(XorMappedAddress(mapped.parse().unwrap()))));
        assert_eq!(message.get::<ErrorCode<'_>>(), Ok(None));
        let key = IntegrityKey::short_term(SHORT_TERM_PASSWORD);
        assert_eq!(message.check_sha1(&key), IntegrityCheck::Valid);
        assert_eq!(message.check_fingerprint(), FingerprintCheck::Valid);
    }
}

/// Covers: RFC 5769 §2.4
#[test]
fn sample_request_with_long_term_authentication() {
    let bytes = vector!("rfc5769-2.4-long-term-request");
    let message = Message::parse(&bytes).unwrap();

    assert_eq!(message.get(), Ok(Some(Username(LONG_TERM_USERNAME))));
    assert_eq!(message.get(), Ok(Some(Nonce("f//499k954d6OL34oL9FSTvy64sA"))));
    assert_eq!(message.get(), Ok(Some(Realm(REALM))));
    let key = IntegrityKey::long_term_md5(LONG_TERM_USERNAME, REALM, LONG_TERM_PASSWORD).unwrap();
    assert_eq!(message.check_sha1(&key), IntegrityCheck::Valid);
    assert_eq!(message.check_fingerprint(), FingerprintCheck::Absent);
}

/// Covers: RFC 8489 §B.1 (erratum 6268), §14.4, §14.6
#[test]
fn sample_request_with_long_term_authentication_sha256_and_userhash() {
    let bytes = vector!("rfc8489-b.1-erratum-6268");
    let message = Message::parse(&bytes).unwrap();

    assert_eq!(message.get(), Ok(Some(UserHash::new(LONG_TERM_USERNAME, REALM).unwrap())));
    assert_eq!(message.get(), Ok(Some(Nonce("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"))));
    assert_eq!(message.get(), Ok(Some(Realm(REALM))));
    assert_eq!(message.get(), Ok(Some(PasswordAlgorithm::SHA256)));
    let key = IntegrityKey::long_term_sha256(LONG_TERM_USERNAME, REALM, LONG_TERM_PASSWORD).unwrap();
    assert_eq!(message.check_sha256(&key, SHA256_LEN), IntegrityCheck::Valid);
    let md5 = IntegrityKey::long_term_md5(LONG_TERM_USERNAME, REALM, LONG_TERM_PASSWORD).unwrap();
    assert_eq!(message.check_sha256(&md5, SHA256_LEN), IntegrityCheck::Invalid);
}

/// Covers: RFC 8489 §B.1 (erratum 6268: the message as published has a wrong length)
#[test]
fn sample_request_as_published_is_refused() {
    let bytes = vector!("rfc8489-b.1-as-published");

    assert_eq!(Message::parse(&bytes).unwrap_err(), ParseError::LengthMismatch);
}

/// Covers: RFC 5769 §2.4
#[test]
fn builds_the_long_term_request_byte_for_byte() {
    let expected = vector!("rfc5769-2.4-long-term-request");
    let key = IntegrityKey::long_term_md5(LONG_TERM_USERNAME, REALM, LONG_TERM_PASSWORD).unwrap();
    let mut buffer = [0xff; 256];
    let mut builder = request(&mut buffer, 0x78ad_3433_c6ad_72c0_29da_412e);
    builder.attribute(&Username(LONG_TERM_USERNAME)).unwrap();
    builder.attribute(&Nonce("f//499k954d6OL34oL9FSTvy64sA")).unwrap();
    builder.attribute(&Realm(REALM)).unwrap();

    let built = builder.finish(Seal { integrity: Integrity::Sha1(&key), fingerprint: false }).unwrap();

    assert_eq!(built, expected);
}

/// Covers: RFC 8489 §B.1 (erratum 6268)
#[test]
fn builds_the_sha256_request_byte_for_byte() {
    let expected = vector!("rfc8489-b.1-erratum-6268");
    let key = IntegrityKey::long_term_sha256(LONG_TERM_USERNAME, REALM, LONG_TERM_PASSWORD).unwrap();
    let mut buffer = [0xff; 256];
    let mut builder = request(&mut buffer, 0x78ad_3433_c6ad_72c0_29da_412e);
    builder.attribute(&UserHash::new(LONG_TERM_USERNAME, REALM).unwrap()).unwrap();
    builder.attribute(&Nonce("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")).unwrap();
    builder.attribute(&Realm(REALM)).unwrap();
    builder.attribute(&PasswordAlgorithm::SHA256).unwrap();

    let built = builder.finish(Seal { integrity: Integrity::Sha256(&key), fingerprint: false }).unwrap();

    assert_eq!(built, expected);
}

/// An attribute of ICE (RFC 8445 §7.1.1), defined as another crate would.
#[derive(Debug, PartialEq)]
struct Priority(u32);

impl Attribute<'_> for Priority {
    const TYPE: AttributeType = AttributeType(0x0024);

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let priority = reader.u32()?;
        reader.is_empty().then_some(Self(priority))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.u32(self.0)?)
    }
}

fn request(buffer: &mut [u8], transaction_id: u128) -> MessageBuilder<'_> {
    let mut id = [0; 12];
    id.copy_from_slice(&transaction_id.to_be_bytes()[4..]);
    MessageBuilder::new(buffer, Class::Request, Method::BINDING, TransactionId(id)).unwrap()
}

fn parse_hex(text: &str) -> Vec<u8> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_ascii_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}
