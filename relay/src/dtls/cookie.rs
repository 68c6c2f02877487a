//! The first exchange of a DTLS handshake, answered without keeping anything (RFC 6347 §4.2.1).
//!
//! A client that sends a ClientHello is asked by a HelloVerifyRequest to send it again with a cookie, which only whoever
//! receives at the client's address learns. A session is made for one that does.

use aws_lc_rs::{constant_time, hmac};
use moim_turn::FiveTuple;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The length of a cookie.
pub(super) const COOKIE_LEN: usize = 32;
/// The length of a HelloVerifyRequest in its record.
pub(super) const VERIFY_LEN: usize = RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN + 3 + COOKIE_LEN;

/// A cookie serves within the period in which it was made, and in the next one.
const PERIOD: Duration = Duration::from_secs(30);

const RECORD_HEADER_LEN: usize = 13;
const HANDSHAKE_HEADER_LEN: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const RANDOM_LEN: usize = 32;
const SESSION_ID_LEN_MAX: usize = 32;
/// DTLS 1.0, which stands before the version is agreed upon (RFC 6347 §4.2.1).
const VERSION_1_0: [u8; 2] = [254, 255];
const VERSION_1_2: [u8; 2] = [254, 253];

/// The length of an alert in its record.
pub(super) const ALERT_LEN: usize = RECORD_HEADER_LEN + 2;

/// Why there is no session, as the client is told (RFC 5246 §7.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alert {
    /// There is no common ground.
    HandshakeFailure = 40,
    /// The version is not spoken here.
    ProtocolVersion = 70,
}

impl Alert {
    /// The record to send. It ends the handshake.
    pub(super) fn record(self, record_number: [u8; 6]) -> [u8; ALERT_LEN] {
        const ALERT: u8 = 21;
        const FATAL: u8 = 2;
        let mut record = [0; ALERT_LEN];
        record[..3].copy_from_slice(&[ALERT, VERSION_1_0[0], VERSION_1_0[1]]);
        record[5..11].copy_from_slice(&record_number);
        record[12..].copy_from_slice(&[2, FATAL, self as u8]);
        record
    }
}

/// What of a ClientHello, or of its first fragment, matters before there is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientHello<'a> {
    /// Whether the client speaks DTLS 1.2. RFC 8996 §5 wants nothing older.
    pub(super) is_current: bool,
    /// The number of its record.
    pub(super) record_number: [u8; 6],
    /// Which tells one handshake of a client from another.
    pub(super) random: [u8; RANDOM_LEN],
    pub(super) cookie: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the first record of a datagram. [`None`]: it is no ClientHello, or not its beginning.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (record, fragment) = datagram.split_first_chunk::<RECORD_HEADER_LEN>()?;
        let [HANDSHAKE, 254, _, 0, 0, record_number @ .., l0, l1] = *record else { return None };
        let fragment = fragment.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
        let (handshake, body) = fragment.split_first_chunk::<HANDSHAKE_HEADER_LEN>()?;
        let [CLIENT_HELLO, _, _, _, _, _, 0, 0, 0, ..] = *handshake else { return None };
        let (version, body) = body.split_first_chunk::<2>()?;
        let (random, body) = body.split_first_chunk::<RANDOM_LEN>()?;
        let (session_id, body) = split_vector(body)?;
        let (cookie, _) = split_vector(body)?;
        // Versions of DTLS count down.
        let is_current = *version <= VERSION_1_2;
        let hello = Self { is_current, record_number, random: *random, cookie };
        (session_id.len() <= SESSION_ID_LEN_MAX).then_some(hello)
    }
}

/// A vector whose length one byte tells, and what follows.
fn split_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(len))
}

/// Makes cookies, and knows them again.
pub(super) struct Cookies {
    key: hmac::Key,
    began: Instant,
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

impl Cookies {
    /// Cookies that others cannot make: `secret` comes from a cryptographic random source.
    pub(super) fn new(secret: [u8; 32], now: Instant) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), began: now }
    }

    /// Whether the client has shown a cookie that was made for it; the cookie.
    pub(super) fn check(
        &self,
        hello: &ClientHello<'_>,
        five_tuple: &FiveTuple,
        now: Instant,
    ) -> Option<[u8; COOKIE_LEN]> {
        let shown: [u8; COOKIE_LEN] = hello.cookie.try_into().ok()?;
        let period = self.period(now);
        [Some(period), period.checked_sub(1)]
            .into_iter()
            .flatten()
            .map(|period| self.cookie(&hello.random, five_tuple, period))
            .any(|cookie| constant_time::verify_slices_are_equal(&cookie, &shown).is_ok())
            .then_some(shown)
    }

    /// The request to send the ClientHello again, with the cookie in it.
    pub(super) fn request(
        &self,
        hello: &ClientHello<'_>,
        five_tuple: &FiveTuple,
        now: Instant,
    ) -> [u8; VERIFY_LEN] {
        let mut out = [0; VERIFY_LEN];
        // RFC 6347 §4.2.1: the number of the ClientHello's record, since there is no state to count in.
        write_headers(&mut out, HELLO_VERIFY_REQUEST, hello.record_number);
        let (_, body) = out.split_at_mut(RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN);
        body[..2].copy_from_slice(&VERSION_1_0);
        body[2] = len_u8(COOKIE_LEN);
        body[3..].copy_from_slice(&self.cookie(&hello.random, five_tuple, self.period(now)));
        out
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / PERIOD.as_secs()
    }

    fn cookie(&self, random: &[u8; RANDOM_LEN], five_tuple: &FiveTuple, period: u64) -> [u8; COOKIE_LEN] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&period.to_be_bytes());
        for address in [five_tuple.client, five_tuple.server] {
            update(&mut context, address);
        }
        context.update(random);
        let tag = context.sign();
        *tag.as_ref().first_chunk().expect("SHA-256 makes 32 bytes")
    }
}

fn update(context: &mut hmac::Context, address: SocketAddr) {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    context.update(&octets);
    context.update(&address.port().to_be_bytes());
}

/// The first ClientHello of a client that has sent its second: for a session that has to have seen both. Of the first, nothing
/// but its random counts, and its being there.
pub(super) fn first_hello(random: &[u8; RANDOM_LEN]) -> Vec<u8> {
    let mut hello = vec![0; RECORD_HEADER_LEN + HANDSHAKE_HEADER_LEN];
    hello.extend_from_slice(&VERSION_1_2);
    hello.extend_from_slice(random);
    // No session, no cookie, ECDHE with ECDSA and AES-128-GCM, no compression.
    hello.extend_from_slice(&[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    write_headers(&mut hello, CLIENT_HELLO, [0; 6]);
    hello
}

/// Writes the headers of a record that is a whole handshake message, of fewer than 256 bytes, before the message's body.
fn write_headers(record: &mut [u8], message_type: u8, record_number: [u8; 6]) {
    let fragment_len = len_u8(record.len() - RECORD_HEADER_LEN);
    let body_len = len_u8(record.len() - RECORD_HEADER_LEN - HANDSHAKE_HEADER_LEN);
    record[..3].copy_from_slice(&[HANDSHAKE, VERSION_1_0[0], VERSION_1_0[1]]);
    record[5..11].copy_from_slice(&record_number);
    record[12] = fragment_len;
    record[13] = message_type;
    // The length of the message, and of its one fragment.
    record[16] = body_len;
    record[24] = body_len;
}

fn len_u8(len: usize) -> u8 {
    u8::try_from(len).expect("messages of the first exchange are short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_turn::Transport;
    use proptest::prelude::*;

    fn five_tuple(client: &str) -> FiveTuple {
        FiveTuple::new(Transport::Dtls, client.parse().unwrap(), "192.0.2.1:3478".parse().unwrap())
    }

    #[test]
    fn a_cookie_serves_its_client_for_a_while() {
        let now = Instant::now();
        let cookies = Cookies::new([7; 32], now);
        let datagram = first_hello(&[9; 32]);
        let hello = ClientHello::parse(&datagram).unwrap();
        assert_eq!((hello.random, hello.cookie), ([9; 32], &[][..]));
        let client = five_tuple("203.0.113.7:4000");
        assert_eq!(cookies.check(&hello, &client, now), None);

        let request = cookies.request(&hello, &client, now);
        let answer = ClientHello { cookie: &request[VERIFY_LEN - COOKIE_LEN..], ..hello };

        assert!(cookies.check(&answer, &client, now + PERIOD).is_some());
        assert_eq!(cookies.check(&answer, &client, now + PERIOD * 2), None, "too late");
        for other in ["203.0.113.7:4001", "203.0.113.8:4000"] {
            assert_eq!(cookies.check(&answer, &five_tuple(other), now), None, "{other}");
        }
        assert_eq!(cookies.check(&ClientHello { random: [8; 32], ..answer }, &client, now), None);
        assert_eq!(Cookies::new([6; 32], now).check(&answer, &client, now), None);
    }

    /// Covers: RFC 6347 §4.2.1
    #[test]
    fn the_request_is_shorter_than_the_shortest_hello_and_has_its_record_number() {
        let mut datagram = first_hello(&[9; 32]);
        datagram[5..11].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
        let hello = ClientHello::parse(&datagram).unwrap();

        let request =
            Cookies::new([7; 32], Instant::now()).request(&hello, &five_tuple("192.0.2.9:1"), Instant::now());

        assert!(request.len() < datagram.len());
        assert_eq!(request[..13], [22, 254, 255, 0, 0, 1, 2, 3, 4, 5, 6, 0, 47]);
        assert_eq!(request[13..28], [3, 0, 0, 35, 0, 0, 0, 0, 0, 0, 0, 35, 254, 255, 32]);
    }

    /// Covers: RFC 8996 §5
    #[test]
    fn a_client_that_speaks_dtls_1_0_only_is_told_apart() {
        let mut datagram = first_hello(&[9; 32]);
        assert!(ClientHello::parse(&datagram).unwrap().is_current);

        datagram[26] = 255;

        assert!(!ClientHello::parse(&datagram).unwrap().is_current);
        let alert = Alert::ProtocolVersion.record([0, 0, 0, 0, 0, 7]);
        assert_eq!(alert, [21, 254, 255, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 2, 70]);
    }

    #[test]
    fn what_is_cut_short_or_no_hello_is_passed_over() {
        let hello = first_hello(&[9; 32]);
        for end in 0..hello.len() {
            assert_eq!(ClientHello::parse(&hello[..end]), None, "{end}");
        }
        for (at, byte) in [(0, 23), (1, 3), (4, 1), (13, 2), (21, 1), (59, 33)] {
            let mut other = hello.clone();
            other[at] = byte;
            assert_eq!(ClientHello::parse(&other), None, "{at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut hello = first_hello(&[9; 32]);
            let at = bytes.len().min(hello.len());
            hello[..at].copy_from_slice(&bytes[..at]);
            let _ = ClientHello::parse(&hello);
            let _ = ClientHello::parse(&bytes);
        }
    }
}
