//! Simulcast in offers and answers (RFC 8853 §5.3, RFC 8851 §6).

use super::change::NegotiatedExtension;
use crate::limit;
use crate::{FormatParameters, MediaSection, RidAlternatives, RidChoice, RidDirection, RidLine, Simulcast};
use moim_wire::Rid;

/// The header extension that tells encodings apart (RFC 8852). Without it a simulcast could not be read.
pub(super) const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// What a section says about its encodings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encodings {
    pub(super) rids: Vec<RidLine>,
    pub(super) simulcast: Option<Simulcast>,
}

/// The names of encodings, the first choice of each.
pub(super) fn first_choices(encodings: &[RidAlternatives]) -> impl Iterator<Item = Rid> {
    encodings.iter().filter_map(|alternatives| alternatives.first()).map(|choice| choice.rid)
}

impl Encodings {
    /// An offer to send these.
    pub(super) fn offered(rids: &[Rid]) -> Self {
        let lines =
            rids.iter().map(|rid| line(*rid, RidDirection::Send, FormatParameters::default())).collect();
        let simulcast = Simulcast { send: rids.iter().map(|rid| plain(*rid)).collect(), receive: Vec::new() };
        Self { rids: lines, simulcast: (!rids.is_empty()).then_some(simulcast) }
    }

    /// The answer to an offer: what of its encodings we receive, at most so many, and what of ours it wants.
    pub(super) fn answered(offered: &MediaSection, answer: &AnswerScope<'_>) -> Self {
        let Some(simulcast) = offered.simulcast() else { return Self::default() };
        let is_possible = answer.extensions.iter().any(|extension| extension.uri == RID_URI);
        if !is_possible {
            return Self::default();
        }
        let mut answered = Self::default();
        let mut agreed = Simulcast::default();
        if answer.receives && answer.receive_max > 1 {
            let accepted = accepted(offered, &simulcast.send, RidDirection::Send, answer);
            for restricted in accepted.into_iter().take(answer.receive_max.min(limit::ENCODINGS_MAX)) {
                agreed.receive.push(plain(restricted.rid));
                answered.rids.push(RidLine { direction: RidDirection::Recv, ..restricted });
            }
        }
        if answer.sends {
            let accepted = accepted(offered, &simulcast.receive, RidDirection::Recv, answer);
            let wanted = accepted.into_iter().filter(|wanted| answer.own.contains(&wanted.rid));
            for restricted in wanted {
                agreed.send.push(plain(restricted.rid));
                answered.rids.push(RidLine { direction: RidDirection::Send, ..restricted });
            }
        }
        answered.simulcast = (agreed != Simulcast::default()).then_some(agreed);
        answered
    }
}

/// What an answer goes by.
pub(super) struct AnswerScope<'a> {
    /// The extensions that both know.
    pub(super) extensions: &'a [NegotiatedExtension],
    /// The payload types that the answer accepts.
    pub(super) payload_types: Vec<u8>,
    pub(super) receives: bool,
    pub(super) receive_max: usize,
    pub(super) sends: bool,
    /// The encodings that we have.
    pub(super) own: &'a [Rid],
}

/// The encodings of an offer that are possible: those that have a line of their own, and payload types that the answer accepts.
fn accepted(
    offered: &MediaSection,
    encodings: &[RidAlternatives],
    direction: RidDirection,
    answer: &AnswerScope<'_>,
) -> Vec<RidLine> {
    let restricted = |choice: &RidChoice| {
        let line = offered.rids().find(|line| line.rid == choice.rid && line.direction == direction)?;
        restrict(&line.restrictions, &answer.payload_types).map(|restrictions| RidLine {
            rid: line.rid,
            direction,
            restrictions,
        })
    };
    encodings.iter().filter_map(|alternatives| alternatives.iter().find_map(restricted)).collect()
}

/// Restrictions with only those payload types that are accepted; `None` if none of them is (RFC 8851 §6.3).
fn restrict(restrictions: &FormatParameters, accepted: &[u8]) -> Option<FormatParameters> {
    let mut restrictions = restrictions.clone();
    if let Some(list) = restrictions.get("pt") {
        let is_accepted = |text: &&str| text.parse().is_ok_and(|number: u8| accepted.contains(&number));
        let kept: Vec<_> = list.split(',').filter(is_accepted).collect();
        if kept.is_empty() {
            return None;
        }
        let kept = kept.join(",");
        restrictions.set("pt", &kept);
    }
    Some(restrictions)
}

fn plain(rid: Rid) -> RidAlternatives {
    vec![RidChoice { rid, paused: false }]
}

fn line(rid: Rid, direction: RidDirection, restrictions: FormatParameters) -> RidLine {
    RidLine { rid, direction, restrictions }
}
