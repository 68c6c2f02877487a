//! What the media plane counts, under names.

use super::PlaneCounters;
use crate::management::metrics::Metric;
use moim_shard::{DropReason, MediaCounters};

/// The metrics of all shards, and of what is between them and the hub.
pub(super) fn of(shards: &[MediaCounters], plane: &PlaneCounters) -> Vec<Metric> {
    let mut metrics = present(shards);
    metrics.extend(connections(shards));
    metrics.extend(packets(shards));
    metrics.extend(drops(shards));
    metrics.extend([
        Metric::counter("media_commands_queued", "Commands to media shards that had to wait for them")
            .value(plane.commands_queued.total()),
        Metric::counter(
            "media_commands_refused",
            "Commands to media shards that were refused: too many waited",
        )
        .value(plane.commands_refused.total()),
        Metric::counter("media_reports_lost", "Reports of media shards that signalling had no room for")
            .value(plane.reports_lost.total()),
    ]);
    metrics
}

fn per_shard(metric: Metric, shards: &[MediaCounters], value: fn(&MediaCounters) -> u64) -> Metric {
    shards
        .iter()
        .enumerate()
        .fold(metric, |metric, (number, shard)| metric.with([("shard", number.to_string())], value(shard)))
}

fn present(shards: &[MediaCounters]) -> Vec<Metric> {
    let gauge = |name, help, value| per_shard(Metric::gauge(name, help), shards, value);
    vec![
        gauge("media_rooms", "Rooms with a place on a media shard", |shard| shard.rooms),
        gauge("media_participants", "Participants with a place on a media shard", |shard| shard.participants),
        gauge(
            "media_connections",
            "Connections of participants to the server, those about to be included",
            |shard| shard.connections,
        ),
        gauge("media_connected", "Connections of participants to the server that are connected", |shard| {
            shard.connected
        }),
        gauge("media_tracks", "Tracks that are forwarded to whoever watches them", |shard| shard.tracks),
        gauge("media_subscribers", "Connections that tracks are forwarded to", |shard| shard.subscribers),
    ]
}

fn connections(shards: &[MediaCounters]) -> [Metric; 2] {
    let sum = |value: fn(&MediaCounters) -> u64| shards.iter().map(value).sum::<u64>();
    [
        Metric::counter("media_connection_attempts", "Attempts at connections to the server, by outcome")
            .with([("outcome", "made")], sum(|shard| shard.connections_made))
            .with([("outcome", "failed")], sum(|shard| shard.connections_failed)),
        Metric::counter("media_offers", "Offers to the server, by outcome")
            .with([("outcome", "answered")], sum(|shard| shard.offers_answered))
            .with([("outcome", "refused")], sum(|shard| shard.offers_refused)),
    ]
}

fn packets(shards: &[MediaCounters]) -> Vec<Metric> {
    let counter = |name, help, value| per_shard(Metric::counter(name, help), shards, value);
    let sum = |value: fn(&MediaCounters) -> u64| shards.iter().map(value).sum::<u64>();
    vec![
        counter("media_packets_in", "Media packets that came", |shard| shard.packets_in),
        counter("media_bytes_in", "Bytes of datagrams that came to connections, media or not", |shard| {
            shard.bytes_in
        }),
        counter("media_packets_forwarded", "Copies of media packets made for subscribers", |shard| {
            shard.packets_forwarded
        }),
        counter("media_packets_out", "Packets that connections sent, media or not", |shard| {
            shard.packets_out
        }),
        counter("media_bytes_out", "Bytes that connections sent", |shard| shard.bytes_out),
        counter("media_messages_forwarded", "Copies of data messages made for participants", |shard| {
            shard.messages_out
        }),
        counter("media_outbox_full", "Turns of a shard after which something was left to be sent", |shard| {
            shard.outbox_full
        }),
        Metric::counter("media_key_frames", "Requests for key frames, by who asked whom")
            .with([("request", "from_subscriber")], sum(|shard| shard.key_frames_wanted))
            .with([("request", "to_publisher")], sum(|shard| shard.key_frames_asked)),
    ]
}

fn drops(shards: &[MediaCounters]) -> [Metric; 3] {
    let sum = |count: &dyn Fn(&MediaCounters) -> u64| shards.iter().map(count).sum::<u64>();
    let by_shard = DropReason::ALL.into_iter().fold(
        Metric::counter("media_dropped", "Media packets dropped by media shards, by reason"),
        |metric, reason| metric.with([("reason", reason.as_str())], sum(&|shard| shard.drops.of(reason))),
    );
    let by_forwarder = moim_sfu::DropReason::ALL.into_iter().fold(
        Metric::counter("media_forwarder_dropped", "Media packets dropped by forwarding, by reason"),
        |metric, reason| {
            metric.with([("reason", reason.as_str())], sum(&|shard| shard.forwarder_drops.of(reason)))
        },
    );
    let by_connections =
        Metric::counter("media_connection_dropped", "Packets dropped by connections to the server")
            .value(sum(&|shard| shard.connection_drops));
    [by_shard, by_forwarder, by_connections]
}
