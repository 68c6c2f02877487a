//! Statistics, put together from what the layers have counted.

use super::PeerConnection;
use crate::candidate;
use crate::media::{Encoding, MediaStream, Role, Stream};
use crate::sped::Sped;
use crate::stats::{
    CandidatePairStats, DataChannelStats, InboundRtpStats, OutboundRtpStats, PeerConnectionStats,
    RemoteInboundRtpStats, RemoteOutboundRtpStats, StatsReport, TransportStats,
};
use moim_ice::{IceRole, PairState, PairStats, TurnTransport};
use moim_sdp::jsep::TransceiverId;
use moim_wire::MediaKind;

impl PeerConnection {
    /// Everything that is known now.
    pub fn stats(&self) -> StatsReport {
        let candidate_pairs: Vec<_> = self.ice.pairs().map(|pair| pair_stats(&pair)).collect();
        let streams = || self.media.inbound.streams.iter().flatten().filter_map(|stream| media_of(stream));
        let sent = || self.media.encodings.iter().filter(|encoding| encoding.clock.is_some());
        StatsReport {
            peer_connection: self.connection_stats(),
            transport: self.transport_stats(&candidate_pairs),
            inbound_rtp: streams().map(|(stream, media)| self.inbound_stats(stream, media)).collect(),
            outbound_rtp: sent().map(|encoding| self.outbound_stats(encoding)).collect(),
            remote_inbound_rtp: sent().filter_map(remote_inbound_stats).collect(),
            remote_outbound_rtp: streams().filter_map(remote_outbound_stats).collect(),
            data_channels: self.channels.channels().map(|(_, channel)| channel_stats(channel)).collect(),
            candidate_pairs,
        }
    }

    fn connection_stats(&self) -> PeerConnectionStats {
        let (data_channels_opened, data_channels_closed) = self.channels.totals();
        PeerConnectionStats {
            data_channels_opened,
            data_channels_closed,
            packets_dropped: self.drops.total() + self.dtls.dropped(),
            messages_dropped: self.channels.dropped(),
            sctp_inits_refused: self.sctp_inits_refused,
            events_lost: self.events_lost + self.ice.counters().events_lost,
        }
    }

    fn transport_stats(&self, pairs: &[CandidatePairStats]) -> TransportStats {
        let congestion = self.media.congestion();
        let sum = |of: fn(&CandidatePairStats) -> u64| pairs.iter().map(of).sum();
        TransportStats {
            packets_sent: sum(|pair| pair.packets_sent),
            packets_received: sum(|pair| pair.packets_received),
            bytes_sent: sum(|pair| pair.bytes_sent),
            bytes_received: sum(|pair| pair.bytes_received),
            ice_role: match self.ice.role() {
                IceRole::Controlling => "controlling".to_owned(),
                IceRole::Controlled => "controlled".to_owned(),
            },
            ice_local_username_fragment: self.ice_ufrag().to_owned(),
            ice_state: self.ice.connection_state().as_str().to_owned(),
            dtls_state: self.dtls.state().as_str().to_owned(),
            dtls_role: self.dtls.role().map_or_else(|| "unknown".to_owned(), |role| role.to_string()),
            sped_state: self.sped.as_ref().map(|sped| sped.state().as_str()),
            sped_datagrams_received: self.sped.as_ref().map_or(0, Sped::received),
            snap: self.sctp.did_without_handshake(),
            srtp_cipher: self.media.profile().map(|profile| profile.as_str().to_owned()),
            available_outgoing_bitrate: congestion.map(|stats| float(stats.target.as_bps())),
            congestion_reason: congestion.map(|stats| stats.reason.as_str().to_owned()),
            congestion_loss: congestion.map(|stats| stats.loss),
            congestion_queue: congestion.map(|stats| stats.queue.as_secs_f64()),
        }
    }

    fn inbound_stats(&self, stream: &Stream, media: &MediaStream) -> InboundRtpStats {
        let (kind, mid) = self.section_words(stream.section);
        let counters = &media.counters;
        let reception = media.reception.as_ref();
        InboundRtpStats {
            ssrc: stream.ssrc.0,
            kind,
            mid,
            rid: stream.rid.map(|rid| rid.to_string()),
            packets_received: counters.packets,
            bytes_received: counters.payload_bytes,
            header_bytes_received: counters.header_bytes,
            packets_lost: reception.map_or(0, moim_rtp::reception::ReceptionStats::lost),
            jitter: reception.map_or(0.0, |reception| reception.jitter().as_secs_f64()),
            retransmitted_packets_received: counters.repaired_packets,
            retransmitted_bytes_received: counters.repaired_bytes,
            nack_count: counters.nacks,
            pli_count: counters.plis,
            fir_count: counters.firs,
        }
    }

    fn outbound_stats(&self, encoding: &Encoding) -> OutboundRtpStats {
        let (kind, mid) = self.section_words(encoding.section);
        let counters = &encoding.counters;
        OutboundRtpStats {
            ssrc: encoding.spec.ssrc.0,
            rtx_ssrc: encoding.spec.rtx.map(|ssrc| ssrc.0),
            kind,
            mid,
            rid: encoding.spec.rid.map(|rid| rid.to_string()),
            active: encoding.spec.is_accepted,
            packets_sent: counters.packets,
            bytes_sent: counters.payload_bytes,
            header_bytes_sent: counters.header_bytes,
            frames_sent: counters.frames_marked,
            retransmitted_packets_sent: counters.retransmitted_packets,
            retransmitted_bytes_sent: counters.retransmitted_bytes,
            padding_bytes_sent: counters.padding_bytes,
            payloads_gone: counters.payloads_gone,
            nack_count: counters.nacks,
            pli_count: counters.plis,
            fir_count: counters.firs,
        }
    }

    fn section_words(&self, section: u32) -> (&'static str, String) {
        let transceiver = self.negotiator.transceiver(TransceiverId(section));
        let kind = transceiver.map_or(MediaKind::Video, moim_sdp::jsep::Transceiver::kind);
        let mid = transceiver.and_then(moim_sdp::jsep::Transceiver::mid);
        (kind.as_str(), mid.map(|mid| mid.to_string()).unwrap_or_default())
    }
}

fn media_of(stream: &Stream) -> Option<(&Stream, &MediaStream)> {
    match &stream.role {
        Role::Media(media) if media.counters.packets > 0 => Some((stream, media)),
        Role::Media(_) | Role::Rtx(_) => None,
    }
}

fn pair_stats(pair: &PairStats<'_>) -> CandidatePairStats {
    let traffic = &pair.traffic;
    CandidatePairStats {
        local_candidate: candidate::to_sdp(pair.local).to_string(),
        remote_candidate: candidate::to_sdp(pair.remote).to_string(),
        relay_protocol: pair.relay_transport.map(TurnTransport::as_str),
        state: state_word(pair.state).to_owned(),
        nominated: pair.is_nominated,
        selected: pair.is_selected,
        packets_sent: traffic.packets_sent,
        packets_received: traffic.packets_received,
        bytes_sent: traffic.bytes_sent,
        bytes_received: traffic.bytes_received,
        current_round_trip_time: pair.rtt_current.map(|rtt| rtt.as_secs_f64()),
        total_round_trip_time: pair.rtt_total.as_secs_f64(),
        requests_sent: traffic.requests_sent,
        responses_received: traffic.responses_received,
        requests_received: traffic.requests_received,
        responses_sent: traffic.responses_sent,
        consent_requests_sent: traffic.consent_requests_sent,
        failure: pair.failure().map(|reason| reason.as_str().to_owned()),
    }
}

/// W3C's words (`RTCStatsIceCandidatePairState`).
fn state_word(state: PairState) -> &'static str {
    match state {
        PairState::Frozen => "frozen",
        PairState::Waiting => "waiting",
        PairState::InProgress => "in-progress",
        PairState::Succeeded => "succeeded",
        PairState::Failed(_) => "failed",
    }
}

fn remote_inbound_stats(encoding: &Encoding) -> Option<RemoteInboundRtpStats> {
    let remote = encoding.remote?;
    let (_, _, clock_rate) = encoding.clock?;
    Some(RemoteInboundRtpStats {
        ssrc: encoding.spec.ssrc.0,
        packets_lost: i64::from(remote.packets_lost),
        fraction_lost: f64::from(remote.fraction_lost) / 256.0,
        jitter: f64::from(remote.jitter) / f64::from(clock_rate.max(1)),
        round_trip_time: remote.rtt.map(|rtt| rtt.as_secs_f64()),
        total_round_trip_time: remote.rtt_total.as_secs_f64(),
        round_trip_time_measurements: remote.rtt_measurements,
    })
}

fn remote_outbound_stats((stream, media): (&Stream, &MediaStream)) -> Option<RemoteOutboundRtpStats> {
    (media.sender_reports > 0).then(|| RemoteOutboundRtpStats {
        ssrc: stream.ssrc.0,
        packets_sent: u64::from(media.remote_packets),
        bytes_sent: u64::from(media.remote_octets),
        reports_sent: media.sender_reports,
    })
}

fn channel_stats(channel: &crate::data_channel::DataChannel) -> DataChannelStats {
    let counters = channel.counters();
    DataChannelStats {
        label: channel.init().label.clone(),
        protocol: channel.init().protocol.clone(),
        data_channel_identifier: channel.stream(),
        state: channel.state().as_str(),
        messages_sent: counters.messages_sent,
        bytes_sent: counters.bytes_sent,
        messages_received: counters.messages_received,
        bytes_received: counters.bytes_received,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no rate is so great that it matters")]
fn float(bits: u64) -> f64 {
    bits as f64
}
