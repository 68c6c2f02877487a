//! What tests and the fuzzer do with any text, and parameters for examples.

use crate::jsep::{DtlsRole, TransportParameters};
use crate::{Candidate, Fingerprint, HashAlgorithm, IcePassword, SessionDescription};

/// A transport without candidates, whose credentials and fingerprint come of a name.
///
/// # Panics
/// If the name has more than 200 letters, or anything but letters and digits.
pub fn transport(name: &str) -> TransportParameters {
    let digest = name.bytes().cycle().take(32).collect();
    TransportParameters {
        sctp_init: None,
        ice_ufrag: format!("u{name:0>4}"),
        ice_pwd: IcePassword::new(&format!("p{name:0>24}")).expect("letters and digits are of ICE"),
        ice_options: vec!["trickle".to_owned()],
        ice_lite: false,
        candidates: Vec::new(),
        end_of_candidates: false,
        fingerprints: vec![Fingerprint { algorithm: HashAlgorithm::Sha256, digest }],
        preferred_role: DtlsRole::Server,
    }
}

/// Reads any text: what is read can be written, and reads the same.
///
/// # Panics
/// If that does not hold.
pub fn exercise(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(candidate) = Candidate::parse(&text) {
        let written = candidate.to_string();
        assert_eq!(Candidate::parse(&written).as_ref(), Ok(&candidate), "{written}");
    }
    let Ok(description) = SessionDescription::parse(&text) else { return };
    let written = description.to_string();
    // What is written may be longer than what was read, and so too long: lines end in two characters.
    if written.len() > crate::limit::TEXT_LEN_MAX {
        return;
    }
    let again = SessionDescription::parse(&written).expect("what is written can be read");
    assert_eq!(again, description);
    assert_eq!(again.to_string(), written);
}
