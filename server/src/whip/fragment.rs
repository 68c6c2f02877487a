//! Fragments of session descriptions (RFC 8840 §9, as RFC 9725 §4.3 uses them): candidates that come later, and restarts of ICE.

use super::agent::Refusal;
use axum::http::StatusCode;
use moim_sdp::{Attribute, IcePassword, SessionDescription};
use moim_signal::message::IceCandidate;
use std::fmt::Write as _;

/// Most candidates of a fragment.
const CANDIDATES_MAX: usize = 64;

/// What a client sends by `PATCH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    /// `ice-ufrag` and `ice-pwd`, if both are there.
    pub(super) credentials: Option<(String, String)>,
    /// Candidates, with the sections that they are said in.
    pub(super) candidates: Vec<IceCandidate>,
}

impl Fragment {
    /// Reads a fragment. Lines that mean nothing here are passed over.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let (mut ufrag, mut password, mut mid) = (None, None, None);
        let mut candidates = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if line.starts_with("m=") {
                mid = None;
            } else if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
                ufrag = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("a=ice-pwd:") {
                password = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("a=mid:") {
                mid = Some(value.to_owned());
            } else if let Some(value) =
                line.strip_prefix("a=").filter(|value| value.starts_with("candidate:"))
            {
                if candidates.len() == CANDIDATES_MAX {
                    let message = format!(
                        "The fragment has more than {CANDIDATES_MAX} candidates. Send fewer at a time."
                    );
                    return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
                }
                candidates.push(IceCandidate {
                    candidate: value.to_owned(),
                    sdp_mid: mid.clone(),
                    sdp_m_line_index: None,
                    username_fragment: ufrag.clone(),
                });
            }
        }
        let is_empty = ufrag.is_none() && candidates.is_empty() && !text.contains("a=end-of-candidates");
        if is_empty {
            let message = "The fragment says nothing: it has neither credentials nor candidates of ICE.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
        Ok(Self { credentials: ufrag.zip(password), candidates })
    }
}

/// The user name fragment of a description: that of its first section, with which all are bundled.
pub(super) fn ufrag(description: &SessionDescription) -> Option<String> {
    let section = description.media.first()?;
    description.ice_credentials(section).map(|(ufrag, _)| ufrag.to_owned())
}

/// The offer of a restart: the one before, with other credentials and without its candidates.
pub(super) fn restarted(
    offer: &SessionDescription,
    ufrag: &str,
    password: &str,
) -> Result<SessionDescription, Refusal> {
    let password =
        IcePassword::new(password).ok_or_else(|| unusable(&"`ice-pwd` has 22 to 256 letters and digits"))?;
    let mut offer = offer.clone();
    let version: u64 = offer.origin.session_version.parse().unwrap_or(0);
    offer.origin.session_version = version.wrapping_add(1).to_string();
    let is_kept = |attribute: &Attribute| {
        !matches!(
            attribute,
            Attribute::IceUfrag(_)
                | Attribute::IcePwd(_)
                | Attribute::Candidate(_)
                | Attribute::EndOfCandidates
        )
    };
    offer.attributes.retain(is_kept);
    for section in &mut offer.media {
        section.attributes.retain(is_kept);
    }
    offer.attributes.push(Attribute::IceUfrag(ufrag.to_owned()));
    offer.attributes.push(Attribute::IcePwd(password));
    // Read as any other description, so that what a client says is checked in one place.
    SessionDescription::parse(&offer.to_string()).map_err(|error| unusable(&error))
}

fn unusable(why: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("The fragment's credentials cannot be used: {why}."))
}

/// What an answer says of ICE, as a fragment.
pub(super) fn of_answer(answer: &SessionDescription) -> Option<String> {
    let section = answer.media.first()?;
    let (ufrag, password) = answer.ice_credentials(section)?;
    let mut text = format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{}\r\n", password.as_str());
    if answer.is_ice_lite() {
        text.insert_str(0, "a=ice-lite\r\n");
    }
    let _ = write!(text, "m={} 9 {} 0\r\n", section.kind.as_str(), section.protocol);
    if let Some(mid) = section.mid() {
        let _ = write!(text, "a=mid:{}\r\n", mid.as_str());
    }
    for candidate in section.candidates() {
        let _ = write!(text, "a={candidate}\r\n");
    }
    text.push_str("a=end-of-candidates\r\n");
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n\
        a=candidate:1 1 udp 2130706431 192.0.2.1 1000 typ host\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n";

    /// Covers: RFC 9725 §4.3.1
    #[test]
    fn candidates_are_read_with_their_sections() {
        let text = "a=ice-ufrag:aaaa\r\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbb\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
            a=candidate:1 1 udp 2130706431 192.0.2.1 1000 typ host\r\na=end-of-candidates\r\n";

        let fragment = Fragment::read(text).unwrap();

        assert_eq!(fragment.credentials.unwrap().0, "aaaa");
        let [candidate] = &fragment.candidates[..] else { panic!("one candidate") };
        assert_eq!(candidate.candidate, "candidate:1 1 udp 2130706431 192.0.2.1 1000 typ host");
        assert_eq!(candidate.sdp_mid.as_deref(), Some("0"));
        assert_eq!(candidate.username_fragment.as_deref(), Some("aaaa"));
    }

    #[test]
    fn a_fragment_has_a_limited_length_and_says_something() {
        assert_eq!(Fragment::read("").unwrap_err().status, StatusCode::BAD_REQUEST);
        assert!(Fragment::read("a=end-of-candidates").is_ok());
        let many = "a=candidate:1 1 udp 1 192.0.2.1 1000 typ host\n".repeat(CANDIDATES_MAX + 1);
        assert_eq!(Fragment::read(&many).unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    /// Covers: RFC 9725 §4.3.3
    #[test]
    fn a_restart_is_the_offer_with_other_credentials() {
        let offer = SessionDescription::parse(OFFER).unwrap();

        let restart = restarted(&offer, "cccc", "dddddddddddddddddddddddd").unwrap();

        assert_eq!(ufrag(&offer).as_deref(), Some("aaaa"));
        assert_eq!(ufrag(&restart).as_deref(), Some("cccc"));
        assert_eq!(restart.media[0].candidates().count(), 0);
        assert_eq!(restart.origin.session_version, "3");
        assert!(restarted(&offer, "c c", "d").is_err());
    }

    #[test]
    fn what_an_answer_says_of_ice_is_a_fragment() {
        let text = of_answer(&SessionDescription::parse(OFFER).unwrap()).unwrap();

        let expected = "a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
            a=candidate:1 1 udp 2130706431 192.0.2.1 1000 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(text, expected);
    }
}
