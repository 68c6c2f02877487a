//! What must hold for any bytes whatsoever: for the tests and for the fuzzer.

use crate::attribute::{
    AlternateDomain, AlternateServer, ErrorCode, IceControlled, IceControlling, MappedAddress, Nonce,
    PasswordAlgorithm, PasswordAlgorithms, Priority, Realm, Software, UnknownAttributes, UseCandidate,
    UserHash, Username, XorMappedAddress,
};
use crate::binding::{Handled, RESPONSE_LEN_MAX, Server};
use crate::discovery::{self, Disclosure, Endpoint, Endpoints, ServerConfig};
use crate::{
    BuildError, Class, FingerprintCheck, HEADER_LEN, Integrity, IntegrityCheck, IntegrityKey, Message,
    MessageBuilder, SHA256_LEN_MIN, Seal, framed_len,
};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads `bytes` in every way there is, writes what was read again, and has a Binding server answer.
///
/// # Panics
/// If anything is found that must not be.
pub fn exercise(bytes: &[u8]) {
    let framed = framed_len(bytes);
    if let Ok(message) = Message::parse(bytes) {
        assert_eq!(framed, Ok(Some(bytes.len())));
        read_everything(&message);
        write_again(&message);
    }
    for source in [(Ipv4Addr::new(192, 0, 2, 1), 3478).into(), (Ipv6Addr::LOCALHOST, 1).into()] {
        ask_for_binding(bytes, source);
        ask_for_discovery(bytes, source);
    }
}

fn read_everything(message: &Message<'_>) {
    let key = IntegrityKey::short_term("password");
    let _ = message.get::<MappedAddress>();
    let _ = message.get::<XorMappedAddress>();
    let _ = message.get::<AlternateServer>();
    let _ = message.get::<Username<'_>>();
    let _ = message.get::<Realm<'_>>();
    let _ = message.get::<Nonce<'_>>();
    let _ = message.get::<Software<'_>>();
    let _ = message.get::<AlternateDomain<'_>>();
    let _ = message.get::<UserHash>();
    let _ = message.get::<ErrorCode<'_>>();
    let _ = message.get::<UnknownAttributes>();
    let _ = message.get::<Priority>();
    let _ = message.get::<UseCandidate>();
    let _ = message.get::<IceControlled>();
    let _ = message.get::<IceControlling>();
    let _ = message.get::<PasswordAlgorithm<'_>>();
    if let Ok(Some(algorithms)) = message.get::<PasswordAlgorithms<'_>>() {
        assert!(algorithms.iter().count() <= message.as_bytes().len() / 4);
    }
    let _ = message.check_sha1(&key);
    let _ = message.check_sha256(&key, SHA256_LEN_MIN);
    let _ = message.check_fingerprint();
}

/// What was read can be written, and then reads the same; an integrity and a fingerprint put on it hold.
fn write_again(message: &Message<'_>) {
    let key = IntegrityKey::short_term("password");
    let mut buffer = vec![0; message.as_bytes().len() + 32];
    let mut builder =
        MessageBuilder::new(&mut buffer, message.class(), message.method(), message.transaction_id())
            .expect("it has room for a header");
    for attribute in unsealed(message) {
        builder.raw(attribute.attribute_type, attribute.value).expect("it had room before");
    }
    let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: true };
    let bytes = match builder.finish(seal) {
        Ok(bytes) => bytes,
        // The longest messages leave no room for a seal.
        Err(error) => {
            assert_eq!(error, BuildError::MessageTooLong);
            assert!(message.as_bytes().len() + 32 > HEADER_LEN + usize::from(u16::MAX));
            return;
        }
    };
    let again = Message::parse(bytes).expect("what was built is a message");
    assert_eq!((again.class(), again.method()), (message.class(), message.method()));
    assert_eq!(again.transaction_id(), message.transaction_id());
    let contents = |attribute: crate::RawAttribute<'_>| (attribute.attribute_type, attribute.value.to_vec());
    assert!(unsealed(&again).map(contents).eq(unsealed(message).map(contents)));
    assert_eq!(again.check_sha1(&key), IntegrityCheck::Valid);
    assert_eq!(again.check_fingerprint(), FingerprintCheck::Valid);
}

/// The attributes before those that depend on the whole message.
fn unsealed<'a>(message: &Message<'a>) -> impl Iterator<Item = crate::RawAttribute<'a>> + use<'a> {
    use crate::AttributeType as Type;
    let seals = [Type::MESSAGE_INTEGRITY, Type::MESSAGE_INTEGRITY_SHA256, Type::FINGERPRINT];
    message.attributes().take_while(move |attribute| !seals.contains(&attribute.attribute_type))
}

fn ask_for_binding(bytes: &[u8], source: SocketAddr) {
    let mut server = Server::new();
    let mut out = [0; RESPONSE_LEN_MAX];
    match server.handle(bytes, source, &mut out) {
        Handled::Respond(len) => {
            let request = Message::parse(bytes).expect("only a message is answered");
            let response = Message::parse(&out[..len]).expect("the answer is a message");
            assert_eq!(request.class(), Class::Request);
            assert_eq!(response.transaction_id(), request.transaction_id());
            assert_eq!(response.method(), request.method());
            let fingerprints = (response.check_fingerprint(), request.check_fingerprint());
            assert_eq!(fingerprints.0, fingerprints.1);
            // RFC 8489 has it that an IPv6 address of 24 bytes answers a request that may be a header alone.
            let factor_tenths = if source.is_ipv4() { 16 } else { 22 };
            assert!(len * 10 <= bytes.len() * factor_tenths, "{len} bytes answer {}", bytes.len());
            assert_eq!(server.counters().successes + server.counters().errors, 1);
        }
        Handled::Dropped(reason) => assert_eq!(server.counters().dropped(reason), 1),
    }
}

/// A server that keeps proportion gives nobody more than an ordinary one does.
fn ask_for_discovery(bytes: &[u8], source: SocketAddr) {
    let address = |last| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 3478 + u16::from(last)));
    let endpoints = Endpoints::new(address(1), address(2)).expect("the ports differ");
    let config = ServerConfig { endpoints, disclosure: Disclosure::Proportionate };
    let mut out = [0; discovery::RESPONSE_LEN_MAX];
    for received_on in Endpoint::ALL {
        let mut server = discovery::Server::new(config);
        if let discovery::Handled::Respond { len, to, .. } =
            server.handle(bytes, source, received_on, &mut out)
        {
            let factor_tenths = if source.is_ipv4() { 16 } else { 22 };
            assert!(len * 10 <= bytes.len() * factor_tenths, "{len} bytes answer {}", bytes.len());
            assert_eq!(to.ip(), source.ip(), "nobody else is answered");
            assert!(Message::parse(&out[..len]).is_ok());
        }
    }
}
