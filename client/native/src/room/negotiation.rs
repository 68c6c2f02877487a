//! The decisions of negotiation between two participants, apart from the objects they are about
//! (docs/protocol.md, "Connections"; perfect negotiation, W3C webrtc-pc §10.7).

use moim_signal::id::ParticipantId;

/// Whether this participant gives way when two offers cross: the one whose id is smaller.
pub(super) fn is_polite(local: &ParticipantId, remote: &ParticipantId) -> bool {
    local < remote
}

/// What to do with an offer for the connection at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfferDecision {
    /// Take it.
    Take,
    /// Take back our own, and take it.
    GiveWay,
    /// Go on with our own.
    Ignore,
}

/// What to do with an offer for the connection at hand. `has_offered`: an offer of our own has no answer yet.
pub(super) fn decide_offer(is_polite: bool, has_offered: bool) -> OfferDecision {
    match (has_offered, is_polite) {
        (false, _) => OfferDecision::Take,
        (true, true) => OfferDecision::GiveWay,
        (true, false) => OfferDecision::Ignore,
    }
}

/// Whether an offer under an id that is not the connection's at hand begins another. `is_retired`: the id is of a connection that was
/// dropped here. `is_own_unanswered`: a connection that we began ourselves has had no answer yet, and crosses with this one.
pub(super) fn begins_attempt(is_polite: bool, is_retired: bool, is_own_unanswered: bool) -> bool {
    !is_retired && (is_polite || !is_own_unanswered)
}

/// The ICE generation that a description is of: its first user name fragment (RFC 8839 §5.4).
pub(super) fn generation_of(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(|ufrag| ufrag.trim_end().to_owned())
}

/// Whether what names an ICE generation, or none, is about the one at hand.
pub(super) fn is_of_generation(named: Option<&str>, at_hand: Option<&str>) -> bool {
    named.is_none() || at_hand.is_none() || named == at_hand
}

#[cfg(test)]
mod tests {
    use super::{OfferDecision, begins_attempt, decide_offer, generation_of, is_of_generation, is_polite};
    use moim_signal::id::ParticipantId;

    /// Covers: docs/protocol.md "Connections"
    #[test]
    fn the_smaller_id_is_polite() {
        let (one, other) = (ParticipantId::new("p_a"), ParticipantId::new("p_b"));
        assert!(is_polite(&one, &other) && !is_polite(&other, &one));
    }

    #[test]
    fn of_two_offers_that_cross_one_is_taken() {
        assert_eq!(decide_offer(true, false), OfferDecision::Take);
        assert_eq!(decide_offer(true, true), OfferDecision::GiveWay);
        assert_eq!(decide_offer(false, true), OfferDecision::Ignore);
    }

    #[test]
    fn of_two_attempts_that_cross_one_goes_on() {
        assert!(begins_attempt(true, false, true) && !begins_attempt(false, false, true));
        assert!(begins_attempt(false, false, false));
        assert!(!begins_attempt(true, true, false), "what was dropped does not come back");
    }

    /// Covers: RFC 8838 §14
    #[test]
    fn the_end_of_candidates_is_that_of_a_generation() {
        let at_hand = generation_of("v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:new4\r\na=ice-ufrag:other\r\n");

        assert_eq!(at_hand.as_deref(), Some("new4"));
        assert_eq!(generation_of("v=0\r\n"), None);
        assert!(is_of_generation(Some("new4"), at_hand.as_deref()));
        assert!(is_of_generation(None, at_hand.as_deref()) && is_of_generation(Some("new4"), None));
        assert!(!is_of_generation(Some("old3"), at_hand.as_deref()));
    }
}
