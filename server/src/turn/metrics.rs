//! What the relay counts, under names.

use crate::management::metrics::Metric;
use moim_relay::{DtlsCounters, DtlsEnded, RelayDrop, ShardCounters, StreamEnded, TenantCounters};
use moim_stun::binding;
use moim_turn::auth::RefusalReason;
use moim_turn::policy::Denied;
use moim_turn::server::{DropReason, Refusal, Request};
use moim_udp::SendDrop;

/// The metrics of all shards.
pub(super) fn of(shards: &[ShardCounters]) -> Vec<Metric> {
    let mut metrics = vec![
        per_shard(Metric::gauge("turn_allocations", "Allocations"), shards, |shard| shard.allocations as u64),
        per_shard(Metric::counter("turn_allocations_made", "Allocations made"), shards, |shard| {
            shard.turn.allocated
        }),
        per_shard(Metric::counter("turn_allocations_freed", "Allocations freed"), shards, |shard| {
            shard.turn.freed
        }),
        per_shard(Metric::counter("turn_icmp_errors", "ICMP errors passed on to clients"), shards, |shard| {
            shard.turn.icmp
        }),
    ];
    metrics.extend(relayed(shards));
    metrics.push(requests(shards));
    metrics.push(unauthenticated(shards));
    metrics.push(denied(shards));
    metrics.push(dropped(shards));
    metrics.extend(stun(shards));
    metrics.extend(sockets(shards));
    metrics.extend(streams(shards));
    metrics.extend(dtls(shards));
    metrics.extend(tenants(shards));
    metrics
}

/// What those did who share the relay's threads.
fn tenants(shards: &[ShardCounters]) -> Vec<Metric> {
    let counter = |name, help, value: fn(&TenantCounters) -> u64| {
        per_shard(Metric::counter(name, help), shards, move |shard| value(&shard.tenant))
    };
    vec![
        counter("tenant_packets_taken", "UDP packets that the media shard of a thread has taken", |tenant| {
            tenant.packets_taken
        }),
        counter("tenant_trains_taken", "Trains that these came in", |tenant| tenant.trains_taken),
        counter(
            "tenant_packets_passed_on",
            "UDP packets passed on to the thread whose media shard they are for",
            |tenant| tenant.passed_on,
        ),
        counter(
            "tenant_detours_refused",
            "Addresses that could not be remembered as another thread's",
            |tenant| tenant.detours_refused,
        ),
        counter("tenant_parcels", "Parcels between media shards", |tenant| tenant.parcels),
        counter("tenant_messages", "Commands that media shards took in", |tenant| tenant.messages),
    ]
}

fn per_shard(metric: Metric, shards: &[ShardCounters], value: impl Fn(&ShardCounters) -> u64) -> Metric {
    numbered(shards).fold(metric, |metric, (number, shard)| metric.with([("shard", number)], value(shard)))
}

fn numbered(shards: &[ShardCounters]) -> impl Iterator<Item = (String, &ShardCounters)> {
    shards.iter().enumerate().map(|(number, shard)| (number.to_string(), shard))
}

fn relayed(shards: &[ShardCounters]) -> [Metric; 2] {
    let mut packets = Metric::counter("turn_relayed_packets", "Packets relayed, by direction");
    let mut bytes = Metric::counter("turn_relayed_bytes", "Bytes of data relayed, by direction");
    for (number, shard) in numbered(shards) {
        for (direction, traffic) in [("to_peer", shard.turn.to_peers), ("to_client", shard.turn.to_clients)] {
            let labels = || [("shard", number.clone()), ("direction", direction.to_owned())];
            packets = packets.with(labels(), traffic.packets);
            bytes = bytes.with(labels(), traffic.bytes);
        }
    }
    [packets, bytes]
}

/// Requests by what became of them. Outcomes that never were are left out: there are over a hundred.
fn requests(shards: &[ShardCounters]) -> Metric {
    let help = "TURN requests, by method and by success or the error code of the response";
    let mut metric = Metric::counter("turn_requests", help);
    for request in Request::ALL {
        let sum = |count: &dyn Fn(&ShardCounters) -> u64| shards.iter().map(count).sum::<u64>();
        let method = request.as_str();
        let succeeded = sum(&|shard| shard.turn.succeeded(request));
        metric = metric.with([("method", method), ("outcome", "success")], succeeded);
        for refusal in Refusal::ALL {
            let refused = sum(&|shard| shard.turn.refused(request, refusal));
            if refused > 0 {
                let outcome = refusal.code().to_string();
                metric = metric.with([("method", method.to_owned()), ("outcome", outcome)], refused);
            }
        }
    }
    metric
}

fn unauthenticated(shards: &[ShardCounters]) -> Metric {
    let metric =
        Metric::counter("turn_unauthenticated", "Requests that did not prove whose they are, by reason");
    RefusalReason::ALL.into_iter().fold(metric, |metric, reason| {
        let count = shards.iter().map(|shard| shard.turn.unauthenticated(reason)).sum();
        metric.with([("reason", reason.as_str())], count)
    })
}

fn denied(shards: &[ShardCounters]) -> Metric {
    let metric =
        Metric::counter("turn_peers_denied", "Peers asked for that must not be relayed to, by reason");
    Denied::ALL.into_iter().fold(metric, |metric, reason| {
        let count = shards.iter().map(|shard| shard.turn.denied(reason)).sum();
        metric.with([("reason", reason.as_str())], count)
    })
}

fn dropped(shards: &[ShardCounters]) -> Metric {
    let mut metric = Metric::counter(
        "turn_dropped",
        "Packets neither relayed nor answered, by reason: of the protocol (turn), or of the threads (relay)",
    );
    for (number, shard) in numbered(shards) {
        let turn = DropReason::ALL.map(|reason| ("turn", reason.as_str(), shard.turn.dropped(reason)));
        let relay = RelayDrop::ALL.map(|reason| ("relay", reason.as_str(), shard.dropped(reason)));
        for (part, reason, count) in turn.into_iter().chain(relay) {
            let labels =
                [("shard", number.clone()), ("part", part.to_owned()), ("reason", reason.to_owned())];
            metric = metric.with(labels, count);
        }
    }
    metric
}

fn stun(shards: &[ShardCounters]) -> [Metric; 3] {
    let sum = |count: &dyn Fn(&binding::Counters) -> u64| {
        shards.iter().map(|shard| count(&shard.binding)).sum::<u64>()
    };
    let answered = Metric::counter("stun_binding_requests", "Binding requests answered, by outcome")
        .with([("outcome", "success")], sum(&|counters| counters.successes))
        .with([("outcome", "error")], sum(&|counters| counters.errors));
    let dropped = Metric::counter("stun_dropped", "STUN messages not answered, by reason");
    let dropped = binding::DropReason::ALL.into_iter().fold(dropped, |metric, reason| {
        metric.with([("reason", reason.as_str())], sum(&|counters| counters.dropped(reason)))
    });
    let ways = |count: fn(&ShardCounters) -> u64| shards.iter().map(count).sum::<u64>();
    let help =
        "Binding responses sent another way than back, as clients ask for that discover their NAT, by way";
    let discovery = Metric::counter("stun_discovery_responses", help)
        .with([("way", "from_elsewhere")], ways(|shard| shard.discovery.from_elsewhere))
        .with([("way", "to_other_port")], ways(|shard| shard.discovery.to_other_port));
    [answered, dropped, discovery]
}

fn sockets(shards: &[ShardCounters]) -> [Metric; 6] {
    let mut drops = Metric::counter("udp_send_dropped", "UDP packets not sent, by reason");
    for reason in SendDrop::ALL {
        let count = shards.iter().map(|shard| shard.sent.drops(reason)).sum();
        drops = drops.with([("reason", reason.as_str())], count);
    }
    [
        per_shard(Metric::counter("udp_received_packets", "UDP packets received"), shards, |shard| {
            shard.packets_received
        }),
        per_shard(
            Metric::counter("udp_received_trains", "Trains that UDP packets were received in"),
            shards,
            |shard| shard.trains_received,
        ),
        per_shard(Metric::counter("udp_sent_packets", "UDP packets sent"), shards, |shard| {
            shard.sent.packets
        }),
        per_shard(Metric::counter("udp_sent_runs", "Runs that UDP packets were sent in"), shards, |shard| {
            shard.sent.messages
        }),
        per_shard(
            Metric::counter("udp_runs_refused", "Runs that the kernel refused, sent packet by packet"),
            shards,
            |shard| shard.sent.runs_refused,
        ),
        drops,
    ]
}

fn streams(shards: &[ShardCounters]) -> [Metric; 4] {
    let mut ended =
        Metric::counter("turn_stream_clients_ended", "Clients on TCP and TLS that ended, by cause");
    for (index, cause) in StreamEnded::ALL.into_iter().enumerate() {
        let count = shards.iter().map(|shard| shard.streams.ended[index]).sum();
        ended = ended.with([("cause", cause.as_str())], count);
    }
    [
        per_shard(Metric::gauge("turn_stream_clients", "Clients on TCP and TLS"), shards, |shard| {
            shard.stream_clients as u64
        }),
        per_shard(
            Metric::counter(
                "turn_stream_packets_dropped",
                "Relayed packets dropped: too much waited for their client",
            ),
            shards,
            |shard| shard.streams.relayed_dropped,
        ),
        per_shard(Metric::gauge("turn_tcp_connections", "TCP connections with peers"), shards, |shard| {
            shard.tcp_connections as u64
        }),
        ended,
    ]
}

fn dtls(shards: &[ShardCounters]) -> [Metric; 4] {
    let sum = |count: fn(&DtlsCounters) -> u64| shards.iter().map(|shard| count(&shard.dtls)).sum();
    let mut ended = Metric::counter("turn_dtls_sessions_ended", "DTLS sessions that ended, by cause");
    for (index, cause) in DtlsEnded::ALL.into_iter().enumerate() {
        let count = shards.iter().map(|shard| shard.dtls.ended[index]).sum();
        ended = ended.with([("cause", cause.as_str())], count);
    }
    [
        per_shard(Metric::gauge("turn_dtls_sessions", "DTLS sessions"), shards, |shard| {
            shard.dtls_sessions as u64
        }),
        per_shard(Metric::counter("turn_dtls_handshakes", "DTLS handshakes completed"), shards, |shard| {
            shard.dtls.completed
        }),
        Metric::counter("turn_dtls_dropped", "Datagrams and messages of DTLS clients dropped, by reason")
            .with([("reason", "stray")], sum(|dtls| dtls.stray))
            .with([("reason", "refused")], sum(|dtls| dtls.refused))
            .with([("reason", "unsent")], sum(|dtls| dtls.unsent)),
        ended,
    ]
}
