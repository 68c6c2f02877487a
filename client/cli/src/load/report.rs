//! What came of a run: for people, and as JSON for programs.

use super::LoadArguments;
use super::participant::Happened;
use super::worker::Counted;
use crate::terminal::plain;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Reasons of failures that are told apart.
const REASONS_MAX: usize = 16;

/// How joining goes.
#[derive(Debug)]
pub(super) struct Joins {
    wanted: usize,
    /// How many of them there is something to come to.
    watching: usize,
    begin: Instant,
    connected: Vec<Duration>,
    first_packet: Vec<Duration>,
    /// When the last one was connected.
    last: Option<Instant>,
    /// By reason.
    failed: BTreeMap<String, usize>,
}

/// What workers have done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Second {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) bytes: u64,
}

/// What came of a run.
pub(super) struct Report {
    plan: Value,
    joins: Joins,
    counted: Counted,
    elapsed: Duration,
    server_cpu: Option<Duration>,
}

impl Joins {
    pub(super) fn new(wanted: usize, watching: usize) -> Self {
        let begin = Instant::now();
        Self {
            wanted,
            watching,
            begin,
            connected: Vec::new(),
            first_packet: Vec::new(),
            last: None,
            failed: BTreeMap::new(),
        }
    }

    pub(super) fn note(&mut self, happened: Happened) {
        match happened {
            Happened::Connected(after) => {
                self.connected.push(after);
                self.last = Some(Instant::now());
            }
            Happened::FirstPacket(after) => self.first_packet.push(after),
            Happened::Failed(reason) => {
                let is_known = self.failed.contains_key(&reason);
                let is_room = self.failed.len() < REASONS_MAX;
                let reason = if is_known || is_room { reason } else { "other reasons".to_owned() };
                *self.failed.entry(reason).or_default() += 1;
            }
        }
    }

    /// Whether everybody has joined, or failed to.
    pub(super) fn all_have_joined(&self) -> bool {
        self.connected.len() + self.failures() >= self.wanted
    }

    /// Whether something has come to everybody to whom something is to come.
    pub(super) fn all_have_received(&self) -> bool {
        self.first_packet.len() + self.failures() >= self.watching
    }

    fn failures(&self) -> usize {
        self.failed.values().sum()
    }

    /// Connections a second, from the first who began to join to the last who was connected.
    fn rate(&self) -> Option<f64> {
        let seconds = self.last?.duration_since(self.begin).as_secs_f64();
        Some(count(self.connected.len()) / seconds.max(0.001))
    }
}

impl Second {
    /// How it is now, and what has changed since `before`.
    pub(super) fn line(self, before: Self, elapsed: Duration, joins: &Joins) -> String {
        let mbps = (self.bytes - before.bytes) * 8 / 1_000_000;
        format!(
            "{} s | {} of {} connected, {} failed | {} packets/s sent, {} received ({mbps} Mbit/s)",
            elapsed.as_secs(),
            joins.connected.len(),
            joins.wanted,
            joins.failures(),
            self.sent - before.sent,
            self.received - before.received,
        )
    }
}

/// Shows a line of progress.
pub(super) fn progress(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{}", plain(line))
}

impl Report {
    pub(super) fn new(
        arguments: &LoadArguments,
        joins: Joins,
        counted: Counted,
        elapsed: Duration,
        server_cpu: Option<Duration>,
    ) -> Self {
        Self { plan: arguments.plan(), joins, counted, elapsed, server_cpu }
    }

    /// Whether anybody was connected.
    pub(super) fn has_any(&self) -> bool {
        !self.joins.connected.is_empty()
    }

    pub(super) fn to_json(&self) -> Value {
        let Counted { latency, received, repaired, bytes, lost, misdelivered, sent, .. } = &self.counted;
        let micros = |permille| latency.quantile(permille).map(|time| nanos(time) / 1_000.0);
        json!({
            "plan": self.plan,
            "joins": {
                "wanted": self.joins.wanted, "connected": self.joins.connected.len(), "failed": self.joins.failed, "received": self.joins.first_packet.len(),
                "perSecond": self.joins.rate(),
                "connectedAfterMs": times(&self.joins.connected), "firstPacketAfterMs": times(&self.joins.first_packet),
            },
            "seconds": self.elapsed.as_secs_f64(),
            "packets": {
                "sent": sent, "refused": self.counted.refused, "notSent": self.counted.not_sent,
                "received": received, "repaired": repaired, "lost": lost, "misdelivered": misdelivered,
                "receivedPerSecond": self.per_second(*received), "sentPerSecond": self.per_second(*sent),
            },
            "bitsPerSecond": self.per_second(bytes * 8),
            "streams": self.counted.streams,
            "latencyUs": {
                "frames": latency.len(), "p50": micros(500), "p90": micros(900), "p99": micros(990),
                "p999": micros(999), "max": nanos(latency.max()) / 1_000.0,
            },
            "cpu": {
                "serverSeconds": self.server_cpu.map(|cpu| cpu.as_secs_f64()),
                "serverNanosPerPacket": self.server_cpu.and_then(|cpu| self.per_packet(cpu)),
                "loadSeconds": self.counted.cpu.as_secs_f64(),
                "loadNanosPerPacket": self.per_packet(self.counted.cpu),
            },
        })
    }

    /// For people.
    pub(super) fn to_text(&self) -> String {
        let Counted { latency, received, repaired, bytes, lost, misdelivered, sent, .. } = &self.counted;
        let mut text = String::new();
        let joins = &self.joins;
        let _ = write!(text, "joined      {} of {}", joins.connected.len(), joins.wanted);
        if let Some(rate) = joins.rate() {
            let _ = write!(text, ", {rate:.1} a second");
        }
        for (what, all) in [("connected", &joins.connected), ("first packet", &joins.first_packet)] {
            if let (Some(half), Some(most)) = (quantile(all, 500), quantile(all, 990)) {
                let _ = write!(
                    text,
                    "; {what} after {} ms (p50), {} ms (p99)",
                    half.as_millis(),
                    most.as_millis()
                );
            }
        }
        text.push('\n');
        for (reason, count) in &joins.failed {
            let _ = writeln!(text, "failed      {count}: {}", plain(reason));
        }
        let rate = |number: u64| self.per_second(number).unwrap_or_default();
        let _ = writeln!(
            text,
            "sent        {sent} packets, {:.0}/s; {} refused",
            rate(*sent),
            self.counted.refused
        );
        let _ = writeln!(
            text,
            "received    {received} packets, {:.0}/s, {:.1} Mbit/s, {} streams; {lost} lost ({:.4} %), {repaired} repaired, {misdelivered} of another room",
            rate(*received),
            rate(bytes * 8) / 1e6,
            self.counted.streams,
            share(*lost, lost + received),
        );
        let times = [500, 900, 990, 999].map(|permille| latency.quantile(permille).unwrap_or_default());
        let [half, most, nearly, almost] = times.map(|time| nanos(time) / 1e6);
        let _ = writeln!(
            text,
            "latency     p50 {half:.3} ms, p90 {most:.3} ms, p99 {nearly:.3} ms, p99.9 {almost:.3} ms, most {:.3} ms, of {} frames",
            nanos(latency.max()) / 1e6,
            latency.len()
        );
        let cost =
            |cpu| self.per_packet(cpu).map_or("-".to_owned(), |nanos| format!("{:.3} µs", nanos / 1e3));
        if let Some(cpu) = self.server_cpu {
            let _ = writeln!(
                text,
                "server      {:.2} s of CPU, {} a forwarded packet",
                cpu.as_secs_f64(),
                cost(cpu)
            );
        }
        let cpu = self.counted.cpu;
        let _ =
            writeln!(text, "this        {:.2} s of CPU, {} a received packet", cpu.as_secs_f64(), cost(cpu));
        text
    }

    fn per_second(&self, number: u64) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| wide(number) / seconds)
    }

    fn per_packet(&self, cpu: Duration) -> Option<f64> {
        (self.counted.received > 0).then(|| nanos(cpu) / wide(self.counted.received))
    }
}

/// Milliseconds of half of them, of nearly all, and of the slowest.
fn times(all: &[Duration]) -> Value {
    let millis = |permille| quantile(all, permille).map(|time| nanos(time) / 1e6);
    json!({ "p50": millis(500), "p99": millis(990), "max": millis(1_000) })
}

fn quantile(all: &[Duration], permille: usize) -> Option<Duration> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * permille).div_ceil(1_000).max(1) - 1).copied()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { wide(part) * 100.0 / wide(whole) }
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a report needs no more than 52 bits")]
fn wide(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    wide(number as u64)
}
