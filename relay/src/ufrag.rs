//! User name fragments that name a shard: how a connectivity check from an address that nobody knows yet finds its connection.

use moim_stun::attribute::Username;
use moim_stun::{Class, Message};
use moim_turn::ShardId;

/// What every fragment begins with that names a shard. Few others do, and no user name of TURN's that begins with a time.
const MARK: char = '+';

/// How many digits of 6 bits a shard's number takes.
const DIGITS: usize = 3;

/// The digits: all that a fragment may consist of (`ice-char`, RFC 8839 §5.4).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many characters [`ufrag_prefix`] takes. What follows has to be as random as a fragment without it (RFC 8445 §5.3: 24 bits).
pub const UFRAG_PREFIX_LEN: usize = 1 + DIGITS;

/// What the user name fragments of a shard's connections have to begin with.
pub fn ufrag_prefix(shard: ShardId) -> String {
    let digit = |place: usize| ALPHABET[(usize::from(shard.0) >> (6 * place)) & 63];
    std::iter::once(MARK).chain((0..DIGITS).rev().map(|place| char::from(digit(place)))).collect()
}

/// The shard whose connection has this user name fragment. [`None`]: it names none.
pub fn shard_of_ufrag(ufrag: &str) -> Option<ShardId> {
    let digits = ufrag.strip_prefix(MARK)?.as_bytes().get(..DIGITS)?;
    let number = digits.iter().try_fold(0_u32, |number, digit| {
        let value = ALPHABET.iter().position(|one| one == digit)?;
        Some((number << 6) | u32::try_from(value).ok()?)
    })?;
    u16::try_from(number).ok().map(ShardId)
}

/// The shard that a STUN message asks for, if it is a connectivity check. Whether it is authentic is not looked at: that takes the
/// password of the connection.
pub(crate) fn shard_of_check(message: &[u8]) -> Option<ShardId> {
    let message = Message::parse(message).ok().filter(|message| message.class() == Class::Request)?;
    let Username(username) = message.get().ok()??;
    // RFC 8445 §7.2.2: the fragment of who is asked comes first.
    let (asked, _) = username.split_once(':')?;
    shard_of_ufrag(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_stun::{MessageBuilder, Method, Seal, TransactionId};

    #[test]
    fn a_fragment_names_its_shard() {
        for number in 0..=u16::MAX {
            let prefix = ufrag_prefix(ShardId(number));
            assert_eq!(prefix.len(), UFRAG_PREFIX_LEN);
            assert_eq!(shard_of_ufrag(&format!("{prefix}rest")), Some(ShardId(number)));
        }
    }

    #[test]
    fn other_fragments_name_none() {
        for ufrag in ["", "+", "+AA", "AAAA", "1700000000", "+A\u{e9}A", "+A=A", "+///", "+QAA"] {
            assert_eq!(shard_of_ufrag(ufrag), None, "{ufrag}");
        }
    }

    /// Covers: RFC 8445 §7.2.2
    #[test]
    fn a_check_asks_for_the_shard_of_the_first_fragment() {
        let shard = ShardId(7);
        let own = format!("{}abcd", ufrag_prefix(shard));
        let binding = |class, username: &str| {
            let mut buffer = [0; 128];
            let id = TransactionId([1; 12]);
            let mut builder = MessageBuilder::new(&mut buffer, class, Method::BINDING, id).unwrap();
            if !username.is_empty() {
                builder.attribute(&Username(username)).unwrap();
            }
            builder.finish(Seal::default()).unwrap().to_vec()
        };

        assert_eq!(shard_of_check(&binding(Class::Request, &format!("{own}:peer"))), Some(shard));
        assert_eq!(shard_of_check(&binding(Class::Request, &format!("peer:{own}"))), None);
        assert_eq!(shard_of_check(&binding(Class::Request, &own)), None);
        assert_eq!(shard_of_check(&binding(Class::Request, "")), None);
        assert_eq!(shard_of_check(&binding(Class::Indication, &format!("{own}:peer"))), None);
        assert_eq!(shard_of_check(b"\0\x01"), None);
    }
}
