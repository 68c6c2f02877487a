//! The examples of RFCs 3711, 6188 and 7714, and libsrtp's, from `tests/vectors/srtp`.

use crate::cipher::{Cipher, CounterMode, Gcm};
use crate::derivation::{Derivation, Label};
use crate::{MasterKey, OVERHEAD_MAX, Opener, Profile, Reject, ReplayWindow, Sealer};
use aws_lc_rs::aead;
use moim_wire::{ExtSeqNo, SeqNo, Ssrc};
use std::collections::BTreeMap;

macro_rules! vector {
    ($name:literal) => {
        Vector::parse(include_str!(concat!("../../../../tests/vectors/srtp/", $name, ".txt")))
    };
}

struct Vector(BTreeMap<&'static str, Vec<u8>>);

impl Vector {
    fn parse(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(|line| line.split_once(": ").unwrap()).map(|(name, hex)| (name, bytes(hex))).collect())
    }

    fn get(&self, name: &str) -> &[u8] {
        &self.0[name]
    }

    fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.get(name).try_into().unwrap()
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_ascii_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// Covers: RFC 3711 §4.1.1, appendix B.2
#[test]
fn counter_mode_yields_the_key_stream() {
    let vector = vector!("rfc3711-b.2-key-stream");
    let cipher = CounterMode::new(vector.get("session key"), vector.array("session salt"), &[], 10).unwrap();
    let mut stream = vec![0; 0xFF02 * 16];

    cipher.apply(Ssrc(0), 0, &mut stream).unwrap();

    assert_eq!(&stream[..48], vector.get("first blocks"));
    assert_eq!(&stream[0xFEFF * 16..], vector.get("last blocks"));
}

/// Covers: RFC 3711 §4.3, appendix B.3; RFC 6188 §7.2
#[test]
fn session_keys_are_derived() {
    for vector in [vector!("rfc3711-b.3-key-derivation"), vector!("rfc6188-7.2-key-derivation")] {
        let salt = vector.array("master salt");
        let derivation = Derivation::new(vector.get("master key"), &salt).unwrap();
        let mut key = vec![1; vector.get("master key").len()];

        derivation.fill(Label::RtpEncryption, &mut key).unwrap();

        assert_eq!(key, vector.get("cipher key"));
        assert_eq!(derivation.bytes::<14>(Label::RtpSalt).unwrap().as_slice(), vector.get("cipher salt"));
        assert_eq!(
            derivation.bytes::<20>(Label::RtpAuthentication).unwrap().as_slice(),
            vector.get("auth key")
        );
    }
}

fn gcm(profile: Profile, vector: &Vector) -> Cipher {
    let algorithm = if profile == Profile::AeadAes256Gcm { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
    Cipher::Gcm(Gcm::new(algorithm, vector.get("session key"), vector.array("session salt")).unwrap())
}

fn gcm_pair(profile: Profile, vector: &Vector) -> (Sealer, Opener) {
    let cipher = || gcm(profile, vector);
    (
        Sealer::with_session_keys(profile, cipher(), cipher()),
        Opener::with_session_keys(profile, cipher(), cipher()),
    )
}

fn check_rtp(sealer: &Sealer, opener: &Opener, plain: &[u8], sealed: &[u8]) {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + OVERHEAD_MAX, 0);
    let index = ExtSeqNo::first(SeqNo(u16::from_be_bytes([plain[2], plain[3]])));

    let len = sealer.seal_rtp(&mut packet, plain.len(), 12, index).unwrap();
    assert_eq!(&packet[..len], sealed);
    let opened = opener.open_rtp(&mut ReplayWindow::new(), &mut packet[..len], 12).unwrap();
    assert_eq!((opened.index, &packet[..opened.len]), (index, plain));
}

fn check_rtcp(sealer: &mut Sealer, opener: &mut Opener, (plain, sealed): (&[u8], &[u8]), index: u32) {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + OVERHEAD_MAX, 0);

    sealer.set_rtcp_index(index);
    let len = sealer.seal_rtcp(&mut packet, plain.len()).unwrap();
    assert_eq!(&packet[..len], sealed);
    let len = opener.open_rtcp(&mut packet[..len]).unwrap();
    assert_eq!(&packet[..len], plain);
}

/// Covers: RFC 7714 §8, §16.1, §16.2
#[test]
fn gcm_seals_and_opens_rtp() {
    for (profile, vector) in [
        (Profile::AeadAes128Gcm, vector!("rfc7714-16.1-rtp-aes-128")),
        (Profile::AeadAes256Gcm, vector!("rfc7714-16.2-rtp-aes-256")),
    ] {
        let (sealer, opener) = gcm_pair(profile, &vector);
        check_rtp(&sealer, &opener, vector.get("plain"), vector.get("sealed"));
    }
}

/// Covers: RFC 7714 §9, §17.1, §17.2
#[test]
fn gcm_seals_and_opens_rtcp() {
    for (profile, vector) in [
        (Profile::AeadAes128Gcm, vector!("rfc7714-17.1-rtcp-aes-128")),
        (Profile::AeadAes256Gcm, vector!("rfc7714-17.2-rtcp-aes-256")),
    ] {
        let (mut sealer, mut opener) = gcm_pair(profile, &vector);
        check_rtcp(&mut sealer, &mut opener, (vector.get("plain"), vector.get("sealed")), 0x5D4);
    }
}

/// Covers: RFC 7714 §17.3
#[test]
fn rtcp_that_is_only_tagged_is_not_accepted() {
    let vector = vector!("rfc7714-17.3-rtcp-tagged-only");
    let (_, mut opener) = gcm_pair(Profile::AeadAes128Gcm, &vector);

    assert_eq!(opener.open_rtcp(&mut vector.get("sealed").to_vec()), Err(Reject::Unencrypted));
}

/// Covers: RFC 3711 §3.1, §3.4, §4.3; RFC 7714 §11
#[test]
fn packets_are_those_of_libsrtp() {
    for (profile, vector) in [
        (Profile::AesCm128HmacSha1_80, vector!("libsrtp-aes-cm-80")),
        (Profile::AeadAes128Gcm, vector!("libsrtp-aes-gcm-128")),
    ] {
        let master = MasterKey::new(profile, vector.get("master key"), vector.get("master salt")).unwrap();
        let (mut sealer, mut opener) =
            (Sealer::new(profile, &master).unwrap(), Opener::new(profile, &master).unwrap());

        check_rtp(&sealer, &opener, vector.get("rtp plain"), vector.get("rtp sealed"));
        check_rtcp(&mut sealer, &mut opener, (vector.get("rtcp plain"), vector.get("rtcp sealed")), 1);
    }
}
