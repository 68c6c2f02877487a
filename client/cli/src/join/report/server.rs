//! What is told of the server's end, and of how media travels.

use super::connection_words;
use moim_native::PeerStats;
use moim_peer::PeerConnectionState;
use moim_signal::message::{LayerReason, SectionContent, Topology, TopologyReason};
use moim_wire::Bitrate;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The connection to the server's end.
#[derive(Default)]
pub(super) struct ServerReport {
    /// How media travels, once the room is joined.
    way: Option<(Topology, TopologyReason)>,
    state: PeerConnectionState,
    stats: Option<PeerStats>,
}

impl ServerReport {
    pub(super) fn goes_by(&mut self, topology: Topology, reason: TopologyReason) {
        self.way = Some((topology, reason));
    }

    pub(super) fn is_so_far(&mut self, state: PeerConnectionState) {
        self.state = state;
    }

    pub(super) fn measured(&mut self, stats: Option<PeerStats>) {
        // The last ones are still good when the connection is gone.
        self.stats = stats.or(self.stats.take());
    }

    pub(super) fn is_connected(&self) -> bool {
        self.state == PeerConnectionState::Connected
    }

    /// Whether media of the others comes through the server.
    pub(super) fn forwards(&self) -> bool {
        self.is_connected() && self.way.is_some_and(|(topology, _)| topology == Topology::Sfu)
    }

    /// How it is now, for a line: nothing while media goes directly.
    pub(super) fn words(&self) -> String {
        let Some((Topology::Sfu, reason)) = self.way else { return String::new() };
        let mut words = format!(" | server ({}) {}", reason_words(reason), self.state.as_str());
        if let Some(stats) = &self.stats {
            words.push_str(&connection_words(stats));
            for section in &stats.sections {
                words.push_str(&section_words(section));
            }
        }
        words
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "topology": self.way.map(|(topology, _)| topology), "reason": self.way.map(|(_, reason)| reason),
            "state": self.state.as_str(),
            "targetBitrate": self.stats.as_ref().and_then(|stats| stats.target).map(Bitrate::as_bps),
            "sections": self.stats.as_ref().map(|stats| &stats.sections),
            "stats": self.stats.as_ref().map(|stats| &stats.report),
        })
    }
}

/// How media travels, and why.
pub(super) fn words_of(topology: Topology, reason: TopologyReason) -> String {
    let way = match topology {
        Topology::Mesh => "media goes directly",
        Topology::Sfu => "media goes through the server",
    };
    format!("{way}: {}", reason_words(reason))
}

fn reason_words(reason: TopologyReason) -> &'static str {
    match reason {
        TopologyReason::Configured => "set so",
        TopologyReason::Few => "there are two at most",
        TopologyReason::Many => "there are more than two",
        TopologyReason::PathPoor => "a direct path is poor",
        TopologyReason::PathAbsent => "two do not reach each other",
        TopologyReason::ServerOnly => "somebody connects to the server alone",
    }
}

/// Which layer a section has, if not all that was asked for.
fn section_words(section: &SectionContent) -> String {
    let mut words = String::new();
    let why = match section.reason {
        LayerReason::Wanted => return words,
        // Whatever is muted, or has no layers.
        LayerReason::NotSent if section.layer.is_none() => return words,
        LayerReason::Bandwidth => "the network carries no more",
        LayerReason::NotSent => "no more is sent",
        LayerReason::WaitingForKeyFrame => "waiting for a key frame",
        LayerReason::Paused => "paused",
    };
    if section.source.is_some() {
        let layer = section.layer.map_or("nothing".to_owned(), |layer| {
            format!("layer {}.{}.{}", layer.encoding, layer.spatial, layer.temporal)
        });
        let _ = write!(words, ", section {}: {layer} ({why})", section.mid);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{ServerReport, words_of};
    use moim_peer::PeerConnectionState;
    use moim_signal::message::{Topology, TopologyReason};

    #[test]
    fn the_server_is_told_of_while_media_goes_through_it() {
        let mut server = ServerReport::default();
        server.is_so_far(PeerConnectionState::Connected);
        server.goes_by(Topology::Mesh, TopologyReason::Few);
        assert_eq!((server.words().as_str(), server.forwards()), ("", false));

        server.goes_by(Topology::Sfu, TopologyReason::PathAbsent);

        assert!(server.forwards());
        assert_eq!(server.words(), " | server (two do not reach each other) connected");
        assert_eq!(
            words_of(Topology::Mesh, TopologyReason::Few),
            "media goes directly: there are two at most"
        );
        assert_eq!(server.to_json()["topology"], "sfu");
    }
}
