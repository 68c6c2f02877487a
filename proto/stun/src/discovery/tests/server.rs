use crate::attribute::{
    AttributeType, ErrorCode, MappedAddress, Software, UnknownAttributes, XorMappedAddress,
};
use crate::binding::DropReason;
use crate::discovery::{
    ChangeRequest, Disclosure, Endpoint, Endpoints, Handled, OtherAddress, PADDING_LEN_MAX, Padding,
    RESPONSE_LEN_MAX, ResponseOrigin, ResponsePort, Server, ServerConfig, Side,
};
use crate::{Class, Message, MessageBuilder, Method, Seal, TransactionId};
use proptest::prelude::*;
use std::net::SocketAddr;

const CLIENT: &str = "198.51.100.7:40000";
const PRIMARY: Endpoint = Endpoint { ip: Side::Primary, port: Side::Primary };

/// Covers: RFC 5780 §6.1 (the table of addresses that a response is sent from)
#[test]
fn a_response_comes_from_the_pair_that_was_asked_for() {
    for received_on in Endpoint::ALL {
        for (ip, port) in [(false, false), (false, true), (true, false), (true, true)] {
            let request = request(|builder| builder.attribute(&ChangeRequest { ip, port }).unwrap());

            let (from, to, bytes) = answered(&mut server(Disclosure::Always), &request, received_on);

            assert_eq!(from.ip != received_on.ip, ip);
            assert_eq!(from.port != received_on.port, port);
            assert_eq!(to, address(CLIENT));
            let message = Message::parse(&bytes).unwrap();
            let other = Endpoint { ip: received_on.ip.other(), port: received_on.port.other() };
            assert_eq!(message.get(), Ok(Some(ResponseOrigin(endpoints().address(from)))));
            assert_eq!(message.get(), Ok(Some(OtherAddress(endpoints().address(other)))));
        }
    }
}

/// Covers: RFC 5780 §6.1 (both forms of the mapped address, in every response)
#[test]
fn a_server_that_discloses_always_does_so_to_bare_requests() {
    let (_, _, bytes) = answered(&mut server(Disclosure::Always), &request(|_| {}), PRIMARY);

    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.get(), Ok(Some(XorMappedAddress(address(CLIENT)))));
    assert_eq!(message.get(), Ok(Some(MappedAddress(address(CLIENT)))));
    assert!(message.get::<OtherAddress>().unwrap().is_some());
    assert_eq!(bytes.len(), 68);
}

#[test]
fn a_server_that_keeps_proportion_tells_those_who_ask_at_length() {
    let mut server = server(Disclosure::Proportionate);
    let long = request(|builder| builder.attribute(&Software("twenty bytes of text")).unwrap());

    let (_, _, to_bare) = answered(&mut server, &request(|_| {}), PRIMARY);
    let (_, _, to_long) = answered(&mut server, &long, PRIMARY);

    assert_eq!(to_bare.len(), 32, "as an ordinary Binding server answers");
    assert!(Message::parse(&to_long).unwrap().get::<OtherAddress>().unwrap().is_some());
}

/// Covers: RFC 5780 §6.1 (a server without a second address)
#[test]
fn a_change_of_ip_that_cannot_be_is_refused_and_one_of_port_is_made() {
    let endpoints = Endpoints::new(address("203.0.113.1:3478"), address("203.0.113.1:3479")).unwrap();
    let mut server = Server::new(ServerConfig { endpoints, disclosure: Disclosure::Always });
    let both = request(|builder| builder.attribute(&ChangeRequest { ip: true, port: true }).unwrap());
    let port = request(|builder| builder.attribute(&ChangeRequest { ip: false, port: true }).unwrap());

    let (from, _, refused) = answered(&mut server, &both, PRIMARY);
    assert_eq!(from, PRIMARY);
    let message = Message::parse(&refused).unwrap();
    assert_eq!(message.get(), Ok(Some(ErrorCode::UNKNOWN_ATTRIBUTE)));
    let unknown: UnknownAttributes = message.get().unwrap().unwrap();
    assert_eq!(unknown.as_slice(), [AttributeType::CHANGE_REQUEST]);

    let (from, _, bytes) = answered(&mut server, &port, PRIMARY);
    assert_eq!(from.port, Side::Alternate);
    assert_eq!(Message::parse(&bytes).unwrap().class(), Class::SuccessResponse);
    assert_eq!((server.counters().successes, server.counters().errors), (1, 1));
}

/// Covers: RFC 5780 §7.5
#[test]
fn response_port_changes_the_port_and_never_the_address() {
    let request = request(|builder| builder.attribute(&ResponsePort(5000)).unwrap());

    let (from, to, bytes) = answered(&mut server(Disclosure::Always), &request, PRIMARY);

    assert_eq!((from, to), (PRIMARY, address("198.51.100.7:5000")));
    let mapped = Message::parse(&bytes).unwrap().get();
    assert_eq!(mapped, Ok(Some(XorMappedAddress(address(CLIENT)))));
}

/// Covers: RFC 5780 §6.1 (RESPONSE-PORT with PADDING), §7.2, §7.5
#[test]
fn what_makes_no_sense_is_a_bad_request_to_its_sender() {
    let bad: [fn(&mut MessageBuilder<'_>); 5] = [
        |builder| {
            builder.attribute(&ResponsePort(5000)).unwrap();
            builder.attribute(&Padding { len: 100 }).unwrap();
        },
        |builder| builder.attribute(&ResponsePort(0)).unwrap(),
        |builder| builder.raw(AttributeType::RESPONSE_PORT, &[1]).unwrap(),
        |builder| builder.raw(AttributeType::CHANGE_REQUEST, &[0; 3]).unwrap(),
        |builder| builder.raw(AttributeType::CHANGE_REQUEST, &[0; 8]).unwrap(),
    ];
    for add in bad {
        let (from, to, bytes) = answered(&mut server(Disclosure::Always), &request(add), PRIMARY);

        assert_eq!((from, to), (PRIMARY, address(CLIENT)));
        assert_eq!(Message::parse(&bytes).unwrap().get(), Ok(Some(ErrorCode::BAD_REQUEST)));
    }
}

/// Covers: RFC 5780 §7.6
#[test]
fn padding_is_answered_with_padding_that_is_bounded() {
    for (asked, given) in
        [(0, 0), (40, 40), (1499, 1499), (1500, 1500), (1501, PADDING_LEN_MAX), (9000, PADDING_LEN_MAX)]
    {
        let request = request(|builder| builder.attribute(&Padding { len: asked }).unwrap());

        let (_, _, bytes) = answered(&mut server(Disclosure::Proportionate), &request, PRIMARY);

        assert_eq!(Message::parse(&bytes).unwrap().get(), Ok(Some(Padding { len: given })));
    }
}

#[test]
fn what_is_no_request_is_dropped_and_counted() {
    let mut server = server(Disclosure::Always);

    let handled = server.handle(&[0; 20], address(CLIENT), PRIMARY, &mut [0; RESPONSE_LEN_MAX]);

    assert_eq!(handled, Handled::Dropped(DropReason::NoMagicCookie));
    assert_eq!(server.counters().dropped(DropReason::NoMagicCookie), 1);
}

#[test]
fn endpoints_that_cannot_be_told_apart_or_reached_are_none() {
    let cases = [
        ("203.0.113.1:3478", "203.0.113.2:3478"),
        ("203.0.113.1:3478", "[2001:db8::2]:3479"),
        ("0.0.0.0:3478", "203.0.113.2:3479"),
        ("203.0.113.1:0", "203.0.113.2:3479"),
    ];
    for (primary, alternate) in cases {
        assert_eq!(Endpoints::new(address(primary), address(alternate)), None, "{primary} {alternate}");
    }
    for endpoint in Endpoint::ALL {
        assert_eq!(endpoints().find(endpoints().address(endpoint)), Some(endpoint));
    }
}

proptest! {
    /// What an attacker who forges the source gains in payload bytes is bounded, whatever the request has.
    #[test]
    fn a_proportionate_answer_is_at_most_1_6_times_the_request(
        change in prop::option::of((any::<bool>(), any::<bool>())),
        port in prop::option::of(any::<u16>()),
        padding in prop::option::of(0..3000_usize),
        software in "[a-z]{0,100}",
        fingerprint in any::<bool>(),
        is_ipv6 in any::<bool>(),
    ) {
        let client = address(if is_ipv6 { "[2001:db8::7]:40000" } else { CLIENT });
        let bytes = sealed(Seal { fingerprint, ..Seal::default() }, |builder| {
            if let Some((ip, port)) = change {
                builder.attribute(&ChangeRequest { ip, port }).unwrap();
            }
            if let Some(port) = port {
                builder.attribute(&ResponsePort(port)).unwrap();
            }
            if let Some(len) = padding {
                builder.attribute(&Padding { len }).unwrap();
            }
            if !software.is_empty() {
                builder.attribute(&Software(&software)).unwrap();
            }
        });
        let mut server = server(Disclosure::Proportionate);

        let handled = server.handle(&bytes, client, PRIMARY, &mut [0; RESPONSE_LEN_MAX]);

        let Handled::Respond { len, .. } = handled else { panic!("{handled:?}") };
        // RFC 8489 has it that an IPv6 address of 24 bytes answers a request that may be a header alone.
        let tenths = if is_ipv6 { 22 } else { 16 };
        prop_assert!(len * 10 <= bytes.len() * tenths, "{} bytes answer {}", len, bytes.len());
    }

    #[test]
    fn any_bytes_whatsoever_are_answered_or_dropped(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut server = server(Disclosure::Always);
        let handled = server.handle(&bytes, address(CLIENT), PRIMARY, &mut [0; RESPONSE_LEN_MAX]);
        if let Handled::Respond { len, .. } = handled {
            prop_assert!(len <= RESPONSE_LEN_MAX);
        }
    }

    #[test]
    fn the_attributes_read_back_as_written(ip: bool, port: bool, number: u16, len in 0..2000_usize, to: SocketAddr) {
        let to = SocketAddr::new(to.ip(), to.port());
        let bytes = request(|builder| {
            builder.attribute(&ChangeRequest { ip, port }).unwrap();
            builder.attribute(&ResponsePort(number)).unwrap();
            builder.attribute(&Padding { len }).unwrap();
            builder.attribute(&ResponseOrigin(to)).unwrap();
            builder.attribute(&OtherAddress(to)).unwrap();
        });
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.get(), Ok(Some(ChangeRequest { ip, port })));
        prop_assert_eq!(message.get(), Ok(Some(ResponsePort(number))));
        prop_assert_eq!(message.get(), Ok(Some(Padding { len })));
        prop_assert_eq!(message.get(), Ok(Some(ResponseOrigin(to))));
        prop_assert_eq!(message.get(), Ok(Some(OtherAddress(to))));
    }
}

fn endpoints() -> Endpoints {
    Endpoints::new(address("203.0.113.1:3478"), address("203.0.113.2:3479")).unwrap()
}

fn server(disclosure: Disclosure) -> Server {
    Server::new(ServerConfig { endpoints: endpoints(), disclosure })
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn request(add: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
    sealed(Seal::default(), add)
}

fn sealed(seal: Seal<'_>, add: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
    let mut buffer = [0; 10_000];
    let id = TransactionId(*b"transactions");
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
    add(&mut builder);
    builder.finish(seal).unwrap().to_vec()
}

fn answered(server: &mut Server, request: &[u8], received_on: Endpoint) -> (Endpoint, SocketAddr, Vec<u8>) {
    let mut out = [0xff; RESPONSE_LEN_MAX];
    match server.handle(request, address(CLIENT), received_on, &mut out) {
        Handled::Respond { len, from, to } => (from, to, out[..len].to_vec()),
        Handled::Dropped(reason) => panic!("dropped: {reason:?}"),
    }
}
