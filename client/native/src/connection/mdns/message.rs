//! The few parts of DNS messages (RFC 1035 §4) that a one-shot query needs.

use moim_wire::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const HEADER_LEN: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_INTERNET: u16 = 1;
/// RFC 6762 §5.4: the answer may come to us alone.
const UNICAST_WANTED: u16 = 0x8000;
/// RFC 6762 §10.2: other answers for the name are of no use any more.
const CACHE_FLUSH: u16 = 0x8000;
/// The flag of an answer, and the bits that are not zero in anything but a plain one (RFC 6762 §18).
const IS_RESPONSE: u16 = 0x8000;
const OPCODE_AND_RCODE: u16 = 0x780F;
const LABEL_LEN_MAX: usize = 63;
/// Records of a message that are looked at.
const RECORDS_MAX: usize = 64;
/// Places that a compressed name may be continued at.
const JUMPS_MAX: usize = 16;

/// A question for the addresses of `name`; [`None`] if that is no name. `is_first`: the answer may come to us alone, where others that ask on
/// this machine may take it. When it is asked again, everybody is to hear the answer.
pub(super) fn query(name: &str, is_first: bool) -> Option<Vec<u8>> {
    let class = if is_first { CLASS_INTERNET | UNICAST_WANTED } else { CLASS_INTERNET };
    // No id (RFC 6762 §18.1), no flags, two questions.
    let mut message = vec![0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
    for kind in [TYPE_A, TYPE_AAAA] {
        for label in name.trim_end_matches('.').split('.') {
            let len = u8::try_from(label.len())
                .ok()
                .filter(|&len| (1..=LABEL_LEN_MAX).contains(&usize::from(len)))?;
            message.push(len);
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&class.to_be_bytes());
    }
    Some(message)
}

/// The address that a message gives for `name`, if it does.
pub(super) fn answer(message: &[u8], name: &str) -> Option<IpAddr> {
    let mut reader = Reader::new(message);
    let _id = reader.u16()?;
    let flags = reader.u16()?;
    if flags & IS_RESPONSE == 0 || flags & OPCODE_AND_RCODE != 0 {
        return None;
    }
    let [questions, answers, authorities, more] =
        [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let mut at = HEADER_LEN;
    for _ in 0..usize::from(questions).min(RECORDS_MAX) {
        at = skip_name(message, at)? + 4;
    }
    let records = usize::from(answers) + usize::from(authorities) + usize::from(more);
    for _ in 0..records.min(RECORDS_MAX) {
        let after_name = skip_name(message, at)?;
        let mut record = Reader::new(message.get(after_name..)?);
        let [kind, class] = [record.u16()?, record.u16()?];
        let _lifetime = record.u32()?;
        let len = usize::from(record.u16()?);
        let data = record.bytes(len)?;
        if class & !CACHE_FLUSH == CLASS_INTERNET && is_name(message, at, name) {
            match (kind, data.len()) {
                (TYPE_A, 4) => {
                    return <[u8; 4]>::try_from(data).ok().map(|bytes| Ipv4Addr::from(bytes).into());
                }
                (TYPE_AAAA, 16) => {
                    return <[u8; 16]>::try_from(data).ok().map(|bytes| Ipv6Addr::from(bytes).into());
                }
                _ => {}
            }
        }
        at = after_name + 10 + len;
    }
    None
}

/// Where what follows a name begins.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            // RFC 1035 §4.1.4: a pointer ends the name.
            0xC0.. => return Some(at + 2),
            len if usize::from(len) <= LABEL_LEN_MAX => at += 1 + usize::from(len),
            _ => return None,
        }
    }
}

/// Whether the name at `at` is `name`, whatever the case.
fn is_name(message: &[u8], mut at: usize, name: &str) -> bool {
    let mut labels = name.trim_end_matches('.').split('.');
    let mut jumps = 0;
    loop {
        match message.get(at) {
            Some(0) => return labels.next().is_none(),
            Some(&high @ 0xC0..) => {
                jumps += 1;
                let Some(&low) = message.get(at + 1) else { return false };
                if jumps > JUMPS_MAX {
                    return false;
                }
                at = usize::from(u16::from_be_bytes([high & 0x3F, low]));
            }
            Some(&len) if usize::from(len) <= LABEL_LEN_MAX => {
                let label = message.get(at + 1..at + 1 + usize::from(len));
                let is_same = label
                    .zip(labels.next())
                    .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other.as_bytes()));
                if !is_same {
                    return false;
                }
                at += 1 + usize::from(len);
            }
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{answer, query};
    use std::net::{IpAddr, Ipv4Addr};

    const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

    /// An answer as Chromium gives it, for this name; `tail` is type, class, lifetime, length and data.
    fn response(tail: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        for label in NAME.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(tail);
        message
    }

    const A: [u8; 14] = [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 1];

    /// Covers: RFC 6762 §5.4
    #[test]
    fn both_kinds_of_address_are_asked_for() {
        let again = query(NAME, false).unwrap();
        let query = query(NAME, true).unwrap();

        assert_eq!(query[..12], [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
        assert!(query.ends_with(&[5, b'l', b'o', b'c', b'a', b'l', 0, 0, 28, 0x80, 1]));
        assert!(
            again.ends_with(&[5, b'l', b'o', b'c', b'a', b'l', 0, 0, 28, 0, 1]),
            "so that all hear the answer"
        );
        assert_eq!(super::query("a..local", true), None);
    }

    #[test]
    fn an_answer_is_found_whatever_its_case() {
        let message = response(&A);

        assert_eq!(answer(&message, &NAME.to_uppercase()), Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!(answer(&message, "another.local"), None);
    }

    /// Covers: RFC 1035 §4.1.4
    #[test]
    fn a_compressed_name_is_followed_so_far() {
        let mut message = response(&[0, 16, 0, 1, 0, 0, 0, 0, 0, 0]);
        message[7] = 2;
        message.extend([0xC0, 12]);
        message.extend(A);
        assert_eq!(answer(&message, NAME), Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));

        let mut endless = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xC0, 12];
        endless.extend(A);
        assert_eq!(answer(&endless, NAME), None);
    }

    #[test]
    fn a_question_is_no_answer() {
        assert_eq!(answer(&query(NAME, true).unwrap(), NAME), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_read_without_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            answer(&bytes, NAME);
            let mut message = response(&A);
            message.extend(&bytes);
            proptest::prop_assert!(answer(&message, NAME).is_some());
        }
    }
}
