//! Which protocol a TCP connection speaks, told by the first bytes its client sends.
//!
//! One port takes TLS (HTTPS, WSS, TURN over TLS), HTTP and STUN (with TURN over TCP, whose connections begin by a STUN
//! message). A client of each speaks first, and their first bytes differ.

/// Within so many bytes [`classify`] always comes to a decision.
pub const FIRST_BYTES_MAX: usize = 8;

/// Which protocol the first bytes are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classified {
    /// A TLS handshake record (RFC 8446 §5.1).
    Tls,
    /// The method of an HTTP/1.1 request, or the preface of HTTP/2 (RFC 9112 §3, RFC 9113 §3.4).
    Http,
    /// A STUN message (RFC 8489 §5).
    Stun,
    /// These bytes fit several protocols or the beginning of one: ask again with more, as there are at most
    /// [`FIRST_BYTES_MAX`] to wait for.
    NeedMore,
    /// None of the above: close the connection.
    Unknown,
}

/// Tells the protocol from the first bytes of a connection, which are all there is so far.
///
/// A decision stands: more bytes behind the same ones never change it.
pub fn classify(bytes: &[u8]) -> Classified {
    match *bytes {
        [] => Classified::NeedMore,
        [TLS_HANDSHAKE, ..] => begins_with(bytes, &[TLS_HANDSHAKE, TLS_MAJOR_VERSION], Classified::Tls),
        // RFC 7983 §7: of the first byte, STUN has 0 to 3.
        [0..=3, ..] => classify_stun(bytes),
        [b'A'..=b'Z', ..] => classify_http(bytes),
        _ => Classified::Unknown,
    }
}

const TLS_HANDSHAKE: u8 = 0x16;
const TLS_MAJOR_VERSION: u8 = 0x03;
const STUN_COOKIE_OFFSET: usize = 4;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The registered methods that a browser or an API client uses, and "PRI", with which HTTP/2 begins.
const HTTP_METHODS: [&[u8]; 10] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI ",
];

fn classify_stun(bytes: &[u8]) -> Classified {
    match bytes.get(STUN_COOKIE_OFFSET..) {
        Some(rest) => begins_with(rest, &STUN_COOKIE, Classified::Stun),
        None => Classified::NeedMore,
    }
}

fn classify_http(bytes: &[u8]) -> Classified {
    HTTP_METHODS
        .iter()
        .map(|method| begins_with(bytes, method, Classified::Http))
        .find(|decision| *decision != Classified::Unknown)
        .unwrap_or(Classified::Unknown)
}

/// `protocol` if `bytes` begin with `prefix`; more are needed if they are themselves the beginning of it.
fn begins_with(bytes: &[u8], prefix: &[u8], protocol: Classified) -> Classified {
    if bytes.starts_with(prefix) {
        protocol
    } else if prefix.starts_with(bytes) {
        Classified::NeedMore
    } else {
        Classified::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exercise;
    use proptest::prelude::*;

    const STUN: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    #[test]
    fn tells_the_protocols_apart() {
        assert_eq!(classify(&[0x16, 0x03, 0x01, 0x02, 0x00]), Classified::Tls);
        assert_eq!(classify(b"GET / HTTP/1.1\r\n"), Classified::Http);
        assert_eq!(classify(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Classified::Http);
        assert_eq!(classify(&STUN), Classified::Stun);
    }

    #[test]
    fn what_is_none_of_them_is_unknown() {
        assert_eq!(classify(&[0x16, 0x02]), Classified::Unknown);
        assert_eq!(classify(b"SSH-2.0-x"), Classified::Unknown);
        assert_eq!(classify(b"GETX"), Classified::Unknown);
        assert_eq!(classify(b"get / HTTP/1.1"), Classified::Unknown);
        assert_eq!(classify(&[0, 1, 0, 0, 0x21, 0x13]), Classified::Unknown);
        assert_eq!(classify(&[0x40, 0, 0, 0]), Classified::Unknown);
    }

    /// Covers: RFC 9110 §9.3
    #[test]
    fn a_split_beginning_needs_more_until_it_is_clear() {
        for method in HTTP_METHODS {
            for end in 0..method.len() {
                assert_eq!(classify(&method[..end]), Classified::NeedMore, "{:?}", &method[..end]);
            }
            assert_eq!(classify(method), Classified::Http);
        }
        for end in 0..8 {
            assert_eq!(classify(&STUN[..end]), Classified::NeedMore);
        }
        assert_eq!(classify(&[0x16]), Classified::NeedMore);
    }

    /// Bytes that are likely to run into every branch.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let beginning = prop_oneof![
            Just(Vec::new()),
            Just(STUN.to_vec()),
            Just(vec![0x16, 0x03]),
            prop::sample::select(HTTP_METHODS.to_vec()).prop_map(<[u8]>::to_vec),
        ];
        (beginning, 0..9_usize, prop::collection::vec(any::<u8>(), 0..12)).prop_map(
            |(mut bytes, keep, tail)| {
                bytes.truncate(keep);
                bytes.extend(tail);
                bytes
            },
        )
    }

    proptest! {
        #[test]
        fn a_decision_comes_in_time_and_stands(bytes in bytes()) {
            exercise(&bytes);
        }
    }
}
