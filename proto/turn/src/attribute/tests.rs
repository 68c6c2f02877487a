use super::*;
use crate::{AddressFamily, ConnectionId, ReservationToken};
use moim_stun::{Class, Message, MessageBuilder, Seal};
use std::fmt::Debug;

/// Covers: RFC 8656 §18, RFC 6062 §6.2, RFC 8016 §3, RFC 7635 §6
#[test]
fn attributes_are_written_as_registered_and_read_back() {
    let peer = "192.0.2.1:32853".parse().unwrap();
    let mapped = [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
    check(ChannelNumberAttribute(0x4abc), 0x000c, &[0x4a, 0xbc, 0, 0]);
    check(Lifetime(600), 0x000d, &[0, 0, 2, 0x58]);
    check(XorPeerAddress(peer), 0x0012, &mapped);
    check(Data(b"hello"), 0x0013, b"hello");
    check(XorRelayedAddress(peer), 0x0016, &mapped);
    check(RequestedAddressFamily(2), 0x0017, &[2, 0, 0, 0]);
    check(EvenPort { reserve: true }, 0x0018, &[0x80]);
    check(EvenPort { reserve: false }, 0x0018, &[0]);
    check(RequestedTransport::UDP, 0x0019, &[17, 0, 0, 0]);
    check(RequestedTransport::TCP, 0x0019, &[6, 0, 0, 0]);
    check(DontFragment, 0x001a, &[]);
    check(AccessToken(b"token"), 0x001b, b"token");
    check(ReservationToken(*b"8 bytes."), 0x0022, b"8 bytes.");
    check(ConnectionId(0x0102_0304), 0x002a, &[1, 2, 3, 4]);
    check(AdditionalAddressFamily(2), 0x8000, &[2, 0, 0, 0]);
    check(AddressErrorCode { family: AddressFamily::Ipv6, code: 440 }, 0x8001, &[2, 0, 4, 40]);
    check(Icmp { icmp_type: 3, code: 4, data: 1280 }, 0x8004, &[0, 0, 3, 4, 0, 0, 5, 0]);
    check(ThirdPartyAuthorization("turn.example"), 0x802e, b"turn.example");
    check(MobilityTicket(b""), 0x8030, b"");
}

#[test]
fn values_of_a_wrong_length_are_malformed() {
    assert_eq!(decode::<ChannelNumberAttribute>(&[0x40, 0]), None);
    assert_eq!(decode::<Lifetime>(&[0, 0, 0]), None);
    assert_eq!(decode::<RequestedTransport>(&[17]), None);
    assert_eq!(decode::<RequestedAddressFamily>(&[1, 0, 0, 0, 0]), None);
    assert_eq!(decode::<EvenPort>(&[]), None);
    assert_eq!(decode::<EvenPort>(&[0x80, 0]), None);
    assert_eq!(decode::<DontFragment>(&[0]), None);
    assert_eq!(decode::<ReservationToken>(&[0; 9]), None);
    assert_eq!(decode::<ConnectionId>(&[0; 3]), None);
    assert_eq!(decode::<AddressErrorCode>(&[3, 0, 4, 40]), None);
    assert_eq!(decode::<AddressErrorCode>(&[2, 0, 7, 40]), None);
    assert_eq!(decode::<Icmp>(&[0; 7]), None);
    assert_eq!(decode::<ThirdPartyAuthorization<'_>>(&[0xff]), None);
}

#[test]
fn secrets_and_payloads_are_not_printed() {
    assert_eq!(format!("{:?}", AccessToken(b"secret")), "AccessToken(6 bytes)");
    assert_eq!(format!("{:?}", ReservationToken(*b"8 bytes.")), "ReservationToken([redacted])");
}

fn check<'a, A: Attribute<'a> + Debug + PartialEq>(attribute: A, number: u16, value: &'a [u8]) {
    assert_eq!(A::TYPE, AttributeType(number));
    let mut buffer = [0; 64];
    let mut builder =
        MessageBuilder::new(&mut buffer, Class::Request, crate::method::ALLOCATE, TransactionId([7; 12]))
            .unwrap();
    builder.attribute(&attribute).unwrap();
    let message = Message::parse(builder.finish(Seal::default()).unwrap()).unwrap();
    assert_eq!(message.find(A::TYPE).unwrap().value, value);
    assert_eq!(A::decode(value, TransactionId([7; 12])), Some(attribute));
}

fn decode<'a, A: Attribute<'a>>(value: &'a [u8]) -> Option<A> {
    A::decode(value, TransactionId([7; 12]))
}
