//! What RFC 8489 adds to RFC 5389: SHA-256, password algorithms that cannot be bid down, hidden user names (§9.2).

use super::{Check, conforms, refused_by, withstands};
use crate::turn_check::credential::Credential;
use crate::turn_check::draft::{Draft, Reply};
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::{AlgorithmNumber, Nonce, PasswordAlgorithm, Realm, UserHash, Username};
use moim_stun::{AttributeType, Integrity, IntegrityCheck, IntegrityKey, SHA256_LEN, SHA256_LEN_MIN, Seal};

pub(super) const CHECKS: &[Check] = &[
    conforms(
        "algorithms/offered",
        "RFC 8489 §9.2.4",
        "offers password algorithms, and says so in its nonce",
        offered,
    ),
    conforms(
        "algorithms/rfc5389-client",
        "RFC 8489 §9.2.4",
        "lets in a client that knows only MD5 and HMAC-SHA1",
        rfc5389_client,
    ),
    conforms(
        "algorithms/sha256",
        "RFC 8489 §9.2.4",
        "takes SHA-256 for key and integrity, and answers in kind",
        sha256,
    ),
    conforms("algorithms/md5", "RFC 8489 §9.2.4", "takes the other algorithm that it offers", md5),
    conforms("algorithms/userhash", "RFC 8489 §14.4", "knows a user by USERHASH", userhash),
    withstands(
        "algorithms/unknown-userhash",
        "RFC 8489 §9.2.4",
        "refuses a USERHASH of nobody",
        unknown_userhash,
    ),
    withstands(
        "algorithms/bid-down",
        "RFC 8489 §16.1.3",
        "refuses a list of algorithms that is not the one it gave",
        bid_down,
    ),
    withstands(
        "algorithms/stripped",
        "RFC 8489 §9.2.4",
        "refuses an algorithm without the list it is from",
        stripped,
    ),
    withstands(
        "algorithms/not-offered",
        "RFC 8489 §9.2.4",
        "refuses an algorithm that it did not offer",
        not_offered,
    ),
    withstands("algorithms/truncated", "RFC 8489 §14.6", "refuses an integrity cut short", truncated),
];

/// A challenged client of a server that offers algorithms.
struct Offered {
    turn: Turn,
    list: Vec<u8>,
}

impl Offered {
    fn by(subject: &Subject) -> Result<Self, Verdict> {
        let turn = Turn::challenged(subject)?;
        match turn.challenge.algorithms.clone() {
            Some(list) if turn.challenge.has_algorithms_bit() => Ok(Self { turn, list }),
            _ => Err(Verdict::not_supported("the server offers no password algorithms")),
        }
    }

    /// An Allocate of this user with realm and nonce, and nothing yet about algorithms.
    fn draft(&self) -> Draft {
        with_user(allocate_draft(), &self.turn, &Username(&self.turn.credential.username))
    }

    fn credential(&self) -> &Credential {
        &self.turn.credential
    }

    fn sha256_key(&self) -> Result<IntegrityKey, Verdict> {
        self.credential().sha256(&self.turn.challenge.realm).ok_or_else(no_key)
    }

    fn md5_key(&self) -> Result<IntegrityKey, Verdict> {
        self.credential().md5(&self.turn.challenge.realm).ok_or_else(no_key)
    }

    fn ask(&mut self, draft: &Draft, integrity: Integrity<'_>) -> Result<Reply, Verdict> {
        let reply =
            self.turn.link.exchange(&draft.bytes(Seal { integrity, fingerprint: false }), draft.id)?;
        self.turn.took(&reply);
        Ok(reply)
    }
}

fn no_key() -> Verdict {
    Verdict::skipped("no key can be made of this user name, realm and password")
}

fn with_user<'a>(draft: Draft, turn: &Turn, user: &impl moim_stun::attribute::Attribute<'a>) -> Draft {
    draft.with(user).with(&Realm(&turn.challenge.realm)).with(&Nonce(&turn.challenge.nonce))
}

fn offered(subject: &Subject) -> Outcome {
    let turn = Turn::challenged(subject)?;
    match (&turn.challenge.algorithms, turn.challenge.has_algorithms_bit()) {
        (Some(list), true) => Ok(numbers(list)),
        (Some(_), false) => {
            Err(Verdict::fail("PASSWORD-ALGORITHMS, but the nonce does not say so: it can be stripped"))
        }
        (None, true) => Err(Verdict::fail("the nonce says so, but there is no PASSWORD-ALGORITHMS")),
        (None, false) => Err(Verdict::not_supported("no PASSWORD-ALGORITHMS")),
    }
}

fn numbers(list: &[u8]) -> String {
    let names: Vec<_> = list
        .as_chunks::<4>()
        .0
        .iter()
        .map(|[high, low, ..]| match AlgorithmNumber(u16::from_be_bytes([*high, *low])) {
            AlgorithmNumber::SHA256 => "SHA-256".to_owned(),
            AlgorithmNumber::MD5 => "MD5".to_owned(),
            AlgorithmNumber(number) => number.to_string(),
        })
        .collect();
    names.join(", then ")
}

fn rfc5389_client(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = with_user(allocate_draft(), &turn, &Username(&turn.credential.username));
    let key = turn.credential.md5(&turn.challenge.realm).ok_or_else(no_key)?;
    let bytes = draft.bytes(Seal { integrity: Integrity::Sha1(&key), fingerprint: false });
    let reply = turn.link.exchange(&bytes, draft.id)?;
    if turn.took(&reply) {
        return Ok("success".to_owned());
    }
    Err(Verdict::not_supported(format_args!("{}: the server wants more", reply.seen())))
}

fn sha256(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    let key = offered.sha256_key()?;
    let draft = with_list(&offered, PasswordAlgorithm::SHA256);
    let reply = offered.ask(&draft, Integrity::Sha256(&key))?;
    super::success(&reply)?;
    match reply.message().check_sha256(&key, SHA256_LEN) {
        IntegrityCheck::Valid => Ok("success, sealed by MESSAGE-INTEGRITY-SHA256".to_owned()),
        IntegrityCheck::Absent | IntegrityCheck::Invalid => {
            Err(Verdict::fail("success, but not sealed by MESSAGE-INTEGRITY-SHA256"))
        }
    }
}

fn with_list(offered: &Offered, algorithm: PasswordAlgorithm<'_>) -> Draft {
    offered.draft().raw(AttributeType::PASSWORD_ALGORITHMS, &offered.list).with(&algorithm)
}

fn md5(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    if !numbers(&offered.list).contains("MD5") {
        return Err(Verdict::not_supported("the server does not offer MD5"));
    }
    let key = offered.md5_key()?;
    let draft = with_list(&offered, PasswordAlgorithm::MD5);
    super::success(&offered.ask(&draft, Integrity::Sha256(&key))?)
}

fn hashed(subject: &Subject, hash: impl FnOnce(&Turn) -> Option<UserHash>) -> Result<Reply, Verdict> {
    let mut offered = Offered::by(subject)?;
    if !offered.turn.challenge.has_user_hash_bit() {
        return Err(Verdict::not_supported("the nonce does not say that USERHASH is understood"));
    }
    let key = offered.sha256_key()?;
    let hash = hash(&offered.turn).ok_or_else(no_key)?;
    let draft = with_user(allocate_draft(), &offered.turn, &hash)
        .raw(AttributeType::PASSWORD_ALGORITHMS, &offered.list)
        .with(&PasswordAlgorithm::SHA256);
    offered.ask(&draft, Integrity::Sha256(&key))
}

fn userhash(subject: &Subject) -> Outcome {
    let hash = |turn: &Turn| UserHash::new(&turn.credential.username, &turn.challenge.realm).ok();
    super::success(&hashed(subject, hash)?)
}

fn unknown_userhash(subject: &Subject) -> Outcome {
    refused_by(&hashed(subject, |_| Some(UserHash([7; 32])))?, &[401])
}

fn bid_down(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    let key = offered.md5_key()?;
    let draft =
        offered.draft().raw(AttributeType::PASSWORD_ALGORITHMS, &[0, 1, 0, 0]).with(&PasswordAlgorithm::MD5);
    refused_by(&offered.ask(&draft, Integrity::Sha1(&key))?, &[400])
}

fn stripped(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    let key = offered.sha256_key()?;
    let draft = offered.draft().with(&PasswordAlgorithm::SHA256);
    refused_by(&offered.ask(&draft, Integrity::Sha256(&key))?, &[400])
}

fn not_offered(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    let key = offered.sha256_key()?;
    let unheard_of = PasswordAlgorithm { algorithm: AlgorithmNumber(0x7777), parameters: &[] };
    let draft = with_list(&offered, unheard_of);
    refused_by(&offered.ask(&draft, Integrity::Sha256(&key))?, &[400])
}

fn truncated(subject: &Subject) -> Outcome {
    let mut offered = Offered::by(subject)?;
    let key = offered.sha256_key()?;
    let draft = with_list(&offered, PasswordAlgorithm::SHA256);
    let mut bytes = draft.bytes(Seal { integrity: Integrity::Sha256(&key), fingerprint: false });
    cut_integrity(&mut bytes, SHA256_LEN_MIN, offered.credential(), &offered.turn.challenge.realm);
    let reply = offered.turn.link.exchange(&bytes, draft.id)?;
    offered.turn.took(&reply);
    refused_by(&reply, &[401, 400])
}

/// Makes MESSAGE-INTEGRITY-SHA256, which is last, one of `len` bytes that is right for that length.
fn cut_integrity(bytes: &mut Vec<u8>, len: usize, credential: &Credential, realm: &str) {
    let before = bytes.len() - 4 - SHA256_LEN;
    let body = u16::try_from(before + 4 + len - moim_stun::HEADER_LEN).expect("the message is short");
    bytes.truncate(before);
    bytes[2..4].copy_from_slice(&body.to_be_bytes());
    let tag = credential.mac_sha256(realm, bytes);
    bytes.extend(AttributeType::MESSAGE_INTEGRITY_SHA256.0.to_be_bytes());
    bytes.extend(u16::try_from(len).expect("a MAC is short").to_be_bytes());
    bytes.extend(&tag[..len]);
}
