//! Counters as Prometheus reads them (OpenMetrics 1.0).
//!
//! The parts of moim count plainly, each for itself; here their totals get names. Nothing is counted here.

use crate::counters::Counters;
use crate::gateway::hub::Census;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The media type of what [`encode`] makes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One metric with all its samples, read at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
}

/// A label's name and value.
type Label = (&'static str, Cow<'static, str>);

#[derive(Clone, Debug)]
struct Sample {
    labels: Vec<Label>,
    value: u64,
}

impl Metric {
    /// A total that only grows; `_total` is put after its name.
    pub(crate) fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, samples: Vec::new() }
    }

    /// How many there are now.
    pub(crate) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, samples: Vec::new() }
    }

    /// With a value under these labels.
    pub(crate) fn with<L: Into<Cow<'static, str>>>(
        mut self,
        labels: impl IntoIterator<Item = (&'static str, L)>,
        value: u64,
    ) -> Self {
        let labels = labels.into_iter().map(|(name, value)| (name, value.into())).collect();
        self.samples.push(Sample { labels, value });
        self
    }

    /// With a value under no label.
    pub(crate) fn value(self, value: u64) -> Self {
        self.with::<&str>([], value)
    }
}

/// The metrics as text.
pub(crate) fn encode(metrics: Vec<Metric>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("moim");
    registry.register_collector(Box::new(Metrics(metrics)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Totals and numbers of the metrics by name, those of several labels under `name (label, label)`, without those that are
/// zero.
pub(crate) fn totals(metrics: &[Metric]) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for metric in metrics {
        for sample in metric.samples.iter().filter(|sample| sample.value > 0) {
            let labels: Vec<_> =
                sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let name = metric.name.to_owned();
            let name = if labels.is_empty() { name } else { format!("{name} ({})", labels.join(", ")) };
            *totals.entry(name).or_default() += sample.value;
        }
    }
    totals
}

#[derive(Debug)]
struct Metrics(Vec<Metric>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in &self.0 {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut samples = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for sample in &metric.samples {
                if sample.labels.is_empty() {
                    sample.encode(metric.kind, &mut samples)?;
                } else {
                    sample.encode(metric.kind, &mut samples.encode_family(&sample.labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn encode(&self, kind: Kind, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        match kind {
            Kind::Counter => encoder.encode_counter::<Vec<Label>, _, u64>(&self.value, None),
            Kind::Gauge => encoder.encode_gauge(&i64::try_from(self.value).unwrap_or(i64::MAX)),
        }
    }
}

/// What the process and its signalling count.
pub(crate) fn of_server(counters: &Counters, census: Option<&Census>) -> Vec<Metric> {
    let connections_closed =
        Metric::counter("connections_closed", "TCP connections closed unserved, by reason")
            .with([("reason", "over_limit")], counters.connections_over_limit.total())
            .with([("reason", "strangers_over_limit")], counters.strangers_over_limit.total())
            .with([("reason", "silent")], counters.connections_silent.total())
            .with([("reason", "relay_busy")], counters.streams_refused.total())
            .with([("reason", "no_proxy_header")], counters.proxies_refused.total())
            .with([("reason", "unknown_protocol")], counters.connections_unknown.total())
            .with([("reason", "tls_failed")], counters.tls_failed.total());
    let mut metrics = vec![
        Metric::gauge("info", "The version of moim").with([("version", crate::VERSION)], 1),
        Metric::counter("connections", "TCP connections taken").value(counters.connections.total()),
        connections_closed,
        Metric::counter("turn_connections", "TCP connections that speak STUN or TURN, by transport")
            .with([("transport", "tcp")], counters.stun_over_tcp.total())
            .with([("transport", "tls")], counters.stun_over_tls.total()),
        Metric::counter("http_plain_requests", "Requests over plain HTTP, sent on to HTTPS or refused")
            .value(counters.plain_http.total()),
        Metric::counter("origins_refused", "Links and requests refused because of their origin")
            .value(counters.origins_refused.total()),
        Metric::counter("panics", "Tasks that panicked; each is a defect").value(counters.panics.total()),
    ];
    metrics.extend(census.into_iter().flat_map(of_signalling));
    metrics
}

fn of_signalling(census: &Census) -> Vec<Metric> {
    let Census { counters, sessions, rooms, rooms_forwarded, participants } = census;
    let messages = Metric::counter("signal_messages", "Signalling messages, by direction")
        .with([("direction", "in")], counters.messages_in)
        .with([("direction", "out")], counters.messages_out);
    let refused = counters.refused.iter().fold(
        Metric::counter("signal_messages_refused", "Signalling messages and frames refused, by reason"),
        |metric, (code, count)| metric.with([("reason", wire_name(code))], *count),
    );
    let closed = counters.closed.iter().fold(
        Metric::counter("signal_links_closed", "Signalling links closed by the server, by reason"),
        |metric, (code, count)| metric.with([("reason", wire_name(code))], *count),
    );
    let topologies = counters.topology_changes.iter().fold(
        Metric::counter(
            "signal_topology_changes",
            "Changes of how media travels in a room, by the new reason",
        ),
        |metric, (reason, count)| metric.with([("reason", wire_name(reason))], *count),
    );
    vec![
        Metric::gauge("signal_sessions", "Signalling sessions, those waiting to be resumed included")
            .value(*sessions),
        Metric::gauge("signal_rooms", "Rooms").value(*rooms),
        Metric::gauge("signal_participants", "Participants of all rooms").value(*participants),
        Metric::counter("signal_sessions_started", "Signalling sessions begun")
            .value(counters.sessions_started),
        Metric::counter("signal_sessions_resumed", "Signalling sessions that went on over a new link")
            .value(counters.sessions_resumed),
        Metric::counter(
            "signal_resumes_refused",
            "Wishes to resume an unknown session, or with a wrong secret",
        )
        .value(counters.resumes_refused),
        Metric::counter("signal_joins", "Participants that entered a room").value(counters.joins),
        messages,
        Metric::counter("signal_duplicates", "Messages sent again after a dropped link")
            .value(counters.duplicates),
        refused,
        closed,
        Metric::gauge("signal_rooms_forwarded", "Rooms whose media the server forwards")
            .value(*rooms_forwarded),
        topologies,
        Metric::counter("signal_media_commands", "Commands to the media plane")
            .value(counters.media_commands),
        Metric::counter(
            "signal_media_reports",
            "Reports of the media plane, by whether anybody was there to be told",
        )
        .with([("outcome", "told")], counters.media_reports.saturating_sub(counters.media_reports_late))
        .with([("outcome", "late")], counters.media_reports_late),
    ]
}

/// The name of an enumeration's value as it is on the wire.
fn wire_name(code: &impl Serialize) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_they_are_read() {
        let packets = Metric::counter("packets", "Packets, by direction")
            .with([("direction", "to_peer")], 3)
            .with([("direction", "to_client")], u64::MAX);
        let rooms = Metric::gauge("rooms", "Rooms").value(2);

        let text = encode(vec![packets, rooms]).unwrap();

        assert_eq!(
            text,
            "# HELP moim_packets Packets, by direction\n# TYPE moim_packets counter\n\
             moim_packets_total{direction=\"to_peer\"} 3\n\
             moim_packets_total{direction=\"to_client\"} 18446744073709551615\n\
             # HELP moim_rooms Rooms\n# TYPE moim_rooms gauge\nmoim_rooms 2\n# EOF\n"
        );
    }
}
